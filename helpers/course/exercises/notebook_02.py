"""The checks of notebook 02: what the numbers of an embedding say."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from helpers.course.exercises.check import check

LabelLists = Sequence[Sequence[str]]  # each picture's labels, in the order of the vectors


@check(
    nudge="The colours are wrong, but edges and shapes stay; compare the two embeddings' cosine.",
    hint="The colours are wrong, but edges and shapes stay; compare the two embeddings' cosine.",
    way="The colours are wrong, but edges and shapes stay; compare the two embeddings' cosine.",
)
def swapped_channels(answer: str, cosine: float) -> str | bool:
    """Notebook 02, exercise 1: a prediction of what swapping red and blue does to an embedding."""
    choices = {"nothing": cosine > 0.999, "a little": 0.5 < cosine <= 0.999, "all": cosine <= 0.5}
    return choices[answer] and f"Right: the two embeddings have a cosine of {cosine:.2f}."


@check(
    nudge="Average the vectors of each class, scale to length one, and find the largest dot product.",
    hint="Average the vectors of each class, scale to length one, and find the largest dot product.",
    way="Average the vectors of each class, scale to length one, and find the largest dot product.",
)
def closest_classes(answer: Sequence[str], labels: LabelLists, vectors: NDArray) -> bool:
    """Notebook 02, exercise 2: the two classes whose mean embeddings have the largest cosine."""
    names = sorted({name for each in labels for name in each})
    means = np.stack([vectors[[name in each for each in labels]].mean(0) for name in names])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    cosines = means @ means.T
    np.fill_diagonal(cosines, -1)
    closest = np.unravel_index(cosines.argmax(), cosines.shape)
    return set(answer) == {names[row] for row in closest}


@check(
    nudge="Subtract the mean over all pictures from the mean over the class, then take the argmax.",
    hint="Subtract the mean over all pictures from the mean over the class, then take the argmax.",
    way="Subtract the mean over all pictures from the mean over the class, then take the argmax.",
)
def strongest_channel(answer: int, label: str, labels: LabelLists, vectors: NDArray) -> bool:
    """Notebook 02, exercise 3: the channel whose mean stands out most over one class."""
    member = np.array([label in each for each in labels])
    return answer == (vectors[member].mean(0) - vectors.mean(0)).argmax()
