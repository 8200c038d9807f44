"""What can't be a row is refused before anything is written."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

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
        (some_pictures(4), with_value(2, np.nan), "1 of 4 vectors .* row 2"),
        (some_pictures(4), with_value((2, 7), np.inf), "1 of 4 vectors .* row 2"),
        (some_pictures(4), with_value(3, 0), "1 of 4 vectors .* row 3"),
        (some_pictures(4), clustered(4)[:, :100], r"\(4, 100\), but this index keeps 512"),
        (some_pictures(4), clustered(3), "3 vectors for 4 pictures"),
        ([Picture("a", Path("p")), Picture("a", Path("q"))], clustered(2), "Two pictures"),
        (some_pictures(4), SimpleNamespace(ids=["a", "a"], values=clustered(2)), "Two vectors"),
        (some_pictures(300), [], "0 vectors for 300 pictures"),
    ],
)
def test_bad_rows_are_refused_and_nothing_is_written(filled, pictures, values, told):
    for write in (filled[0].sync, filled[0].upsert):
        with pytest.raises(RowError, match=told):
            write(pictures, values, progress=False)
    assert filled[0].count() == 300


UNFIT = [
    (Picture("é" * 101, Path("p")), "cannot be a picture's id"),
    (Picture("", Path("p")), "cannot be a picture's id"),
    (Picture("caf\udce9.jpg", Path("p")), "cannot be a picture's id"),  # a name that isn't UTF-8
    (Picture("nine", Path("p"), tuple("abcdefghi")), "Picture 'nine' has 9 labels"),
    (Picture("empty", Path("p"), ("",)), "cannot be a label of picture 'empty'"),
    (Picture("long", Path("p"), ("x" * 201,)), "cannot be a label of picture 'long'"),
]


def test_pictures_that_cannot_be_kept_are_skipped_and_told_and_the_rest_goes_on(filled, capsys):
    index, pictures = filled[0], some_pictures(300) + [picture for picture, _ in UNFIT]
    values = np.concatenate([clustered(300), clustered(len(UNFIT), seed=2)])
    pictures[7] = replace(pictures[7], labels=("new",))
    done = index.sync(pictures, values)
    assert (done.written, done.deleted, done.unchanged) == (1, 0, 299)
    assert [name for name, _ in done.skipped] == [picture.id for picture, _ in UNFIT]
    for (_, reason), (_, told) in zip(done.skipped, UNFIT, strict=True):
        assert told in reason
    assert "6 skipped: 'éé" in capsys.readouterr().out
    more = [*some_pictures(301)[300:], UNFIT[3][0]]
    assert index.upsert(more, clustered(2, seed=3), progress=False).skipped == (done.skipped[3],)
    assert (index.count(), capsys.readouterr().out) == (301, "")


def test_a_picture_that_can_no_longer_be_kept_leaves_the_index(filled):
    index, pictures = filled[0], some_pictures(300)
    pictures[7] = replace(pictures[7], labels=tuple("abcdefghi"))
    done = index.sync(pictures, clustered(300), progress=False)
    assert (done.written, done.deleted, done.unchanged) == (0, 1, 299)
    assert index.count() == 299


def test_a_path_of_any_length_is_no_matter(filled):
    pictures = [replace(picture, path=Path("p" * 9000)) for picture in some_pictures(300)]
    assert filled[0].sync(pictures, clustered(300), progress=False).unchanged == 300


def test_the_longest_id_of_a_picture_is_the_longest_that_the_index_keeps():
    assert MAX_ID_BYTES == TEXT_BYTES  # said twice, because the index doesn't import the data set
