"""The checks of notebook 02: what the numbers of an embedding say, and how they are pooled."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from helpers.course.exercises.check import Mistake, check, known, whole

LabelLists = Sequence[Sequence[str]]  # each picture's labels, in the order of the vectors


@check(
    nudge="Which axis of `prepared` holds the colours, and which axis does [::-1] reverse?",
    hint="The colours are the last axis. Swap them, embed that, and compare it with `by_hand`.",
    way="embed_by_hand(prepared[None, ..., ::-1])[0] @ by_hand",
)
def swapped_channels(answer: float, prepared: NDArray, embed: Callable) -> str | bool:
    """Notebook 02, exercise 1: the cosine of the right and the colour-swapped embedding.

    `prepared` is (224, 224, 3); `embed` makes unit vectors of a batch of such pictures.
    """
    flips = prepared, prepared[..., ::-1], prepared[::-1], prepared[:, ::-1]
    right, swapped, upside_down, mirrored = embed(np.stack(flips))
    answer, cosine = float(answer), float(right @ swapped)
    if abs(answer - cosine) < 0.002:
        kept = "Most of this embedding survives" if cosine > 0.7 else "Much of it hangs on colour"
        return f"Right: {cosine:.3f}. {kept}."
    mistakes = [
        (right @ upside_down, "You turned the picture upside down: [::-1] reverses its rows."),
        (right @ mirrored, "You mirrored the picture: that is the second axis, its columns."),
        (np.linalg.norm(right - swapped), "That is the distance; the cosine is a dot product."),
        (1.0, "The picture hasn't changed: did you swap its colours?"),
    ]
    return known((abs(answer - number) < 0.002, text) for number, text in mistakes)


@check(
    nudge="Which rows have exactly one label, and how do you average only those of one class?",
    hint="For each class, average the rows that have no other label. Scale to length one, compare.",
    way="Stack the scaled means as rows of `means`, one for each name. Find the largest number of "
    "means @ means.T off the diagonal, with argmax and np.unravel_index: its row and column.",
)
def closest_classes(answer: Sequence[str], labels: LabelLists, vectors: NDArray) -> str | bool:
    """Notebook 02, exercise 2: the two classes whose mean embeddings have the largest cosine."""
    alone = [each if len(each) == 1 else () for each in labels]
    names = {name for each in alone for name in each}
    if len(names) < 2:
        return "Your pictures don't have two classes with a single label; nothing to compare."
    given = {answer} if isinstance(answer, str) else {str(name) for name in answer}
    if given == _pair(alone, vectors):
        return True
    mistakes = [
        (given if len(given) == 1 else None, "That is one class; name two."),
        (_pair(labels, vectors), "You took all pictures: those that show both make them alike."),
        (_pair(alone, vectors, unit=False), "You didn't scale the averages: long ones win."),
        (_pair(alone, vectors, sign=-1), "These are the farthest apart. Look for the largest."),
    ]
    return known((given == pair, text) for pair, text in mistakes)


def _pair(labels, vectors, unit=True, sign=1):
    """Return the names of the two classes whose means have the largest product."""
    names = sorted({name for each in labels for name in each})
    means = np.stack([vectors[[name in each for each in labels]].mean(0) for name in names])
    if unit:
        means /= np.linalg.norm(means, axis=1, keepdims=True)
    products = sign * means @ means.T
    np.fill_diagonal(products, -np.inf)
    return {names[row] for row in np.unravel_index(products.argmax(), products.shape)}


@check(
    nudge="A channel may be strong in every picture. What does the class have that others don't?",
    hint="Subtract the mean over all pictures from the mean over the class, channel by channel.",
    way="(vectors.values[members].mean(0) - vectors.values.mean(0)).argmax(), where members says "
    "of each row whether `wanted` is in its labels.",
)
def strongest_channel(answer: int, label: str, labels: LabelLists, vectors: NDArray) -> str | bool:
    """Notebook 02, exercise 3: the channel whose mean stands out most over one class."""
    member = np.array([label in each for each in labels], bool)
    answer = whole(answer)
    if not member.any():
        return "Your pictures have no labels, so no class can stand out. Go on."
    if member.all():
        return "All your pictures show it, so there is nothing that it could stand out from. Go on."
    inside, everything = vectors[member].mean(0), vectors.mean(0)
    if answer == (inside - everything).argmax():
        return True
    mistakes = [
        (inside.argmax(), "It is the strongest over the class, but may be so over all pictures."),
        ((inside - everything).argmin(), "It stands out least: the difference has another sign."),
        (np.abs(inside - everything).argmax(), "It differs most, but downwards: drop the abs."),
        (everything.argmax(), "That is the strongest channel over all pictures."),
    ]
    return known((abs(answer - number) < 0.002, text) for number, text in mistakes)


@check(
    nudge="How many numbers does a channel have in a grid, and what puts the largest last?",
    hint="Make one axis of height and width, sort along it, and average the last three.",
    way="After positions = grid.reshape(-1, grid.shape[-1]), np.sort(positions, axis=0)[-3:] are "
    "the three of each channel; average them along axis 0.",
)
def top_three_pooling(answer: Callable) -> str | bool:
    """Notebook 02, exercise 4: a pooling that averages each channel's three largest values."""
    rng = np.random.default_rng()  # other numbers each time, so that no answer fits by chance
    grids = [rng.random((*side, 6), np.float32) for side in ((7, 7), (3, 5))]
    try:
        found = [np.asarray(answer(each.copy())) for each in grids]
    except Exception as error:  # whatever a learner's function raises
        name = getattr(answer, "__name__", None)
        return Mistake(f"{name} raised {type(error).__name__}: {error!s:.200}.") if name else False
    if any(each.shape != (6,) for each in found):
        return Mistake(f"From {grids[0].shape} it made {found[0].shape}, but it should be (6,).")
    ordered = [np.sort(each.reshape(-1, 6), axis=0)[::-1] for each in grids]
    known = [
        (lambda each: each[:3].mean(0), True),
        (lambda each: each[0], Mistake("That is max pooling: it keeps one position, not three.")),
        (lambda each: each.mean(0), Mistake("That is the average over all positions.")),
        (
            lambda each: each[2],
            Mistake("That is the third largest alone; average the first three."),
        ),
        (lambda each: each[:3].sum(0), Mistake("That is the sum of the three; divide by three.")),
        (lambda each: each[-3:].mean(0), Mistake("These are the three smallest.")),
    ]
    for pool, verdict in known:
        if all(np.allclose(one, pool(each)) for one, each in zip(found, ordered, strict=True)):
            return verdict
    return False
