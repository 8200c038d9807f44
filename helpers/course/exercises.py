"""The checks behind the exercises: each says whether an answer is right, and hints when it isn't.

A check works out the right answer from the learner's own data, prints praise or a hint, and returns
True or False. An answer of the wrong type gets the hint, too, never a traceback.
"""

import functools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpers.dataset import Picture, open_picture

LabelLists = Sequence[Sequence[str]]  # each picture's labels, in the order of the vectors


def check(hint: str) -> Callable:
    """Return a decorator that makes "is this answer right?" print praise or this hint.

    What it decorates may return praise of its own. An answer of the wrong type is simply wrong.
    """

    def decorate(is_right):
        @functools.wraps(is_right)
        def checked(answer, *truth):
            try:
                praise = answer is not ... and is_right(answer, *truth)
                right = bool(praise)
            except (AttributeError, LookupError, TypeError, ValueError):
                right = False
            if right:
                print(praise if isinstance(praise, str) else "Right.")
            else:
                print("Not answered yet." if answer is ... else "Not quite.", "Hint:", hint)
            return right

        return checked

    return decorate


@check("ask for each picture whether both names are in picture.labels, and count the yeses.")
def dog_and_person(answer: int, pictures: Sequence[Picture]) -> bool:
    """Notebook 01, exercise 1: the number of pictures that show both a dog and a person."""
    return answer == sum({"dog", "person"} <= set(picture.labels) for picture in pictures)


@check("divide the pictures where the class is the only label by all pictures that show it.")
def most_often_alone(answer: str, pictures: Sequence[Picture]) -> bool:
    """Notebook 01, exercise 2: the class whose pictures most often show nothing else."""
    shown = Counter(label for picture in pictures for label in picture.labels)
    alone = Counter(picture.labels[0] for picture in pictures if len(picture.labels) == 1)
    share = {name: alone[name] / shown[name] for name in shown}
    return share[answer] == max(share.values())


@check("start at xmin - 1 and ymin - 1; a box from 3 to 5 is three pixels wide, not two.")
def boxes_drawn(answer: Sequence[Any], picture: Picture) -> bool:
    """Notebook 01, exercise 3: one matplotlib Rectangle per box, in pixels from 0."""
    drawn = sorted(tuple(round(side) for side in each.get_bbox().bounds) for each in answer)
    return drawn == sorted(
        (b.xmin - 1, b.ymin - 1, b.xmax - b.xmin + 1, b.ymax - b.ymin + 1) for b in picture.boxes
    )


@check("the colours are wrong, but edges and shapes stay; compare the two embeddings' cosine.")
def swapped_channels(answer: str, cosine: float) -> str | bool:
    """Notebook 02, exercise 1: a prediction of what swapping red and blue does to an embedding."""
    choices = {"nothing": cosine > 0.999, "a little": 0.5 < cosine <= 0.999, "all": cosine <= 0.5}
    return choices[answer] and f"Right: the two embeddings have a cosine of {cosine:.2f}."


@check("average the vectors of each class, scale to length one, and find the largest dot product.")
def closest_classes(answer: Sequence[str], labels: LabelLists, vectors: NDArray) -> bool:
    """Notebook 02, exercise 2: the two classes whose mean embeddings have the largest cosine."""
    names = sorted({name for each in labels for name in each})
    means = np.stack([vectors[[name in each for each in labels]].mean(0) for name in names])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    cosines = means @ means.T
    np.fill_diagonal(cosines, -1)
    closest = np.unravel_index(cosines.argmax(), cosines.shape)
    return set(answer) == {names[row] for row in closest}


@check("subtract the mean over all pictures from the mean over the class, then take the argmax.")
def strongest_channel(answer: int, label: str, labels: LabelLists, vectors: NDArray) -> bool:
    """Notebook 02, exercise 3: the channel whose mean stands out most over one class."""
    member = np.array([label in each for each in labels])
    return answer == (vectors[member].mean(0) - vectors.mean(0)).argmax()


@check("LabelFilter(all=(...), none=(...)): all holds what a hit must show, none what it must not.")
def person_no_car(answer: Sequence[Any]) -> bool:
    """Notebook 03, exercise 1: hits that all show a person and no car."""
    return bool(answer) and all("person" in h.labels and "car" not in h.labels for h in answer)


@check("take the first row whose recall is at least 0.95; a larger nprobe only costs time.")
def enough_recall(answer: int, measured: Mapping[int, float]) -> bool:
    """Notebook 03, exercise 2: the smallest nprobe of {nprobe: recall} that reaches 0.95."""
    return answer == min(nprobe for nprobe, recall in measured.items() if recall >= 0.95)


@check("upsert one row per picture, then search with exactly the vector that you stored.")
def found_again(answer: Sequence[str], index: Any) -> bool:
    """Notebook 03, exercise 3: ids that are in the Index and find themselves first."""
    first = [index.search(index.vector(id), k=1)[0].id for id in answer]
    return bool(first) and first == list(answer)


@check("look for queries whose precision is among the lowest tenth of the whole set.")
def fooled(answer: str, precision: Mapping[str, float]) -> bool:
    """Notebook 04, exercise 2: an id among the worst tenth by precision, {id: P@10}."""
    return precision[answer] <= np.quantile(list(precision.values()), 0.1)


@check("crop with (xmin - 1, ymin - 1, xmax, ymax), and leave the picture itself out of the hits.")
def region_search(answer: int, picture: Picture, engine: Any) -> bool:
    """Notebook 04, exercise 3: right ones among the first ten hits for a picture's first box."""
    box = picture.boxes[0]
    region = open_picture(picture.path).crop((box.xmin - 1, box.ymin - 1, box.xmax, box.ymax))
    hits = [hit for hit in engine.search(region, k=11) if hit.id != picture.id][:10]
    return answer == sum(box.label in hit.labels for hit in hits)
