"""What can't be a row is refused before anything is written."""

from pathlib import Path

import numpy as np
import pytest
from index_kit import clustered, some_pictures

from helpers.dataset.pictures import MAX_ID_BYTES, Picture
from helpers.index import RowError
from helpers.index.filters import TEXT_BYTES


def with_value(row, value):
    values = clustered(4)
    values[row] = value
    return values


@pytest.mark.parametrize(
    ("pictures", "values", "told"),
    [
        (some_pictures(4), with_value(2, np.nan), "1 of 4 vectors .* first row 2"),
        (some_pictures(4), with_value((2, 7), np.inf), "1 of 4 vectors .* first row 2"),
        (some_pictures(4), with_value(3, 0), "1 of 4 vectors .* first row 3"),
        (some_pictures(4), clustered(4)[:, :100], r"\(4, 100\), but this index keeps 512"),
        (some_pictures(4), clustered(3), "3 vectors for 4 pictures"),
        ([Picture("é" * 101, Path("p"))], clustered(1), "cannot be a picture's id"),
        ([Picture("", Path("p"))], clustered(1), "cannot be a picture's id"),
        ([Picture("a", Path("p")), Picture("a", Path("q"))], clustered(2), "Two pictures"),
        ([Picture("a", Path("p"), tuple("abcdefghi"))], clustered(1), "Picture 'a' has 9 labels"),
        ([Picture("a", Path("p"), ("",))], clustered(1), "cannot be a label of picture 'a'"),
        ([Picture("a", Path("p"), ("x" * 201,))], clustered(1), "cannot be a label"),
        ([Picture("a", Path("p" * 5000))], clustered(1), "path .* longer than"),
    ],
)
def test_bad_rows_are_refused_and_nothing_is_written(filled, pictures, values, told):
    for write in (filled[0].sync, filled[0].upsert):
        with pytest.raises(RowError, match=told):
            write(pictures, values, progress=False)
    assert filled[0].count() == 300


def test_the_longest_id_of_a_picture_is_the_longest_that_the_index_keeps():
    assert MAX_ID_BYTES == TEXT_BYTES  # said twice, because the index doesn't import the data set
