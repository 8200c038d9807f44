"""The checks of notebook 01: counting labels, and boxes that count from 1."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from helpers.course.exercises.check import check
from helpers.dataset import Picture


@check(
    nudge="Ask for each picture whether both names are in picture.labels, and count the yeses.",
    hint="Ask for each picture whether both names are in picture.labels, and count the yeses.",
    way="Ask for each picture whether both names are in picture.labels, and count the yeses.",
)
def dog_and_person(answer: int, pictures: Sequence[Picture]) -> bool:
    """Notebook 01, exercise 1: the number of pictures that show both a dog and a person."""
    return answer == sum({"dog", "person"} <= set(picture.labels) for picture in pictures)


@check(
    nudge="Divide the pictures where the class is the only label by all pictures that show it.",
    hint="Divide the pictures where the class is the only label by all pictures that show it.",
    way="Divide the pictures where the class is the only label by all pictures that show it.",
)
def most_often_alone(answer: str, pictures: Sequence[Picture]) -> bool:
    """Notebook 01, exercise 2: the class whose pictures most often show nothing else."""
    shown = Counter(label for picture in pictures for label in picture.labels)
    alone = Counter(picture.labels[0] for picture in pictures if len(picture.labels) == 1)
    share = {name: alone[name] / shown[name] for name in shown}
    return share[answer] == max(share.values())


@check(
    nudge="Start at xmin - 1 and ymin - 1; a box from 3 to 5 is three pixels wide, not two.",
    hint="Start at xmin - 1 and ymin - 1; a box from 3 to 5 is three pixels wide, not two.",
    way="Start at xmin - 1 and ymin - 1; a box from 3 to 5 is three pixels wide, not two.",
)
def boxes_drawn(answer: Sequence[Any], picture: Picture) -> bool:
    """Notebook 01, exercise 3: one matplotlib Rectangle per box, in pixels from 0."""
    drawn = sorted(tuple(round(side) for side in each.get_bbox().bounds) for each in answer)
    return drawn == sorted(
        (b.xmin - 1, b.ymin - 1, b.xmax - b.xmin + 1, b.ymax - b.ymin + 1) for b in picture.boxes
    )
