"""The checks of notebook 04: queries that fool the engine, and searching with a region."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from helpers.course.exercises.check import check
from helpers.dataset import Picture, open_picture


@check(
    nudge="Look for queries whose precision is among the lowest tenth of the whole set.",
    hint="Look for queries whose precision is among the lowest tenth of the whole set.",
    way="Look for queries whose precision is among the lowest tenth of the whole set.",
)
def fooled(answer: str, precision: Mapping[str, float]) -> bool:
    """Notebook 04, exercise 2: an id among the worst tenth by precision, {id: P@10}."""
    return precision[answer] <= np.quantile(list(precision.values()), 0.1)


@check(
    nudge="Crop with (xmin - 1, ymin - 1, xmax, ymax), and leave the picture itself out of the hits.",
    hint="Crop with (xmin - 1, ymin - 1, xmax, ymax), and leave the picture itself out of the hits.",
    way="Crop with (xmin - 1, ymin - 1, xmax, ymax), and leave the picture itself out of the hits.",
)
def region_search(answer: int, picture: Picture, engine: Any) -> bool:
    """Notebook 04, exercise 3: right ones among the first ten hits for a picture's first box."""
    box = picture.boxes[0]
    region = open_picture(picture.path).crop((box.xmin - 1, box.ymin - 1, box.xmax, box.ymax))
    hits = [hit for hit in engine.search(region, k=11) if hit.id != picture.id][:10]
    return answer == sum(box.label in hit.labels for hit in hits)
