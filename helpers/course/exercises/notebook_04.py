"""The checks of notebook 04: a measure of one's own, look-alikes, and searching with a region."""

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from PIL import Image

from helpers.course.exercises.check import Mistake, check
from helpers.course.exercises.check import whole as number
from helpers.dataset import Picture


def _rankings():
    """Return rankings with right hits first, last, alone, everywhere, and at random."""
    rng = np.random.default_rng(4)
    made = [(rng.random(size) < 0.4).tolist() for size in range(5, 25)]
    few = [[True], [False, True], [True, True, True], [True, False, False, True]]
    return few + [ranked for ranked in made if any(ranked)]


def _every_way(ranked):
    """Return {what somebody computed: its value} for one ranking; "" is average precision."""
    hits = np.array(ranked)
    ranks = np.arange(1, len(hits) + 1)
    precisions = np.cumsum(hits) / ranks
    return {
        "": precisions[hits].mean(),
        "You took the mean over all ranks. Take it over the ranks of the right hits only.":
            precisions.mean(),
        "You divided by the length of the ranking. Divide by the number of right hits.":
            precisions[hits].sum() / len(hits),
        "You added the precisions up, but took no mean: divide by the number of right hits.":
            precisions[hits].sum(),
        "That is the precision of the whole ranking. Walk down it, and note the precision at each "
        "right hit.": hits.mean(),
        "You stopped at the first right hit. Go on to the others, then take the mean.":
            1 / ranks[hits][0],
        "Your right hits don't count themselves: at rank 1, a right hit has precision 1, not 0.":
            ((np.cumsum(hits) - 1) / ranks)[hits].mean(),
    }  # fmt: skip


@check(
    nudge="What does your function give for [True, False, True]? By hand: (1/1 + 2/3) / 2.",
    hint="At rank r, precision is the number of right hits so far, divided by r, from r = 1 on.",
    way="Inside: ranked = np.array(ranked); precisions = np.cumsum(ranked) / "
    "np.arange(1, len(ranked) + 1); return precisions[ranked].mean()",
)
def own_average_precision(answer: Callable[[list[bool]], float]) -> str | bool:
    """Notebook 04, exercise 2: a function from one ranking, best first, to average precision."""
    if not callable(answer):
        return Mistake("A function is wanted: def my_average_precision(ranked): …")
    if str(answer.__module__).startswith("helpers."):
        return Mistake("That one was here before. Write one of your own.")
    rankings = _rankings()
    try:
        with redirect_stdout(io.StringIO()):
            values = [answer(list(ranked)) for ranked in rankings]
    except Exception as error:
        return Mistake(
            f"Your function stopped with {type(error).__name__}: {error!s:.200}. It gets a list."
        )
    if any(value is None for value in values):
        return Mistake("Your function returns nothing. Does it end in return …?")
    values, ways = np.array(values, dtype=float), [_every_way(ranked) for ranked in rankings]
    for told in ways[0]:
        if np.allclose(values, [way[told] for way in ways]):
            return (
                Mistake(told)
                if told
                else f"Right, on all {len(ways)} rankings that it was tried on."
            )
    return False


@check(
    nudge="Which of the ten hits would have an orange frame? Only those count.",
    hint="A hit is wrong when set(hit.labels) & set(pictures[query].labels) is empty.",
    way="Counter(label for query, hits in first_hits.items() for hit in hits if not "
    "set(hit.labels) & set(pictures[query].labels) for label in hit.labels).most_common(1)",
)
def mistaken_for(
    answer: str,
    hardest: str | None,
    first_hits: Mapping[str, Sequence[Picture]],
    pictures: Mapping[str, Picture],
) -> str | bool:
    """Notebook 04, exercise 3: the commonest label of wrong hits; any, where none is wrong."""
    if hardest is None:
        return "Your pictures have no labels, so there is nothing to count here. Go on."
    wrong, every, first = Counter(), Counter(), Counter()
    for query, hits in first_hits.items():
        for rank, hit in enumerate(hits):
            every.update(set(hit.labels) - {hardest})
            if not set(hit.labels) & set(pictures[query].labels):
                wrong.update(hit.labels)
                first.update(hit.labels if rank == 0 else ())
    if not wrong:
        return (
            f"Every hit for {hardest} that has labels is right, so there's nothing to count. Go on."
        )
    if not isinstance(answer, str):
        return False
    if answer in _commonest(wrong):
        return f"Right: {answer}, {wrong[answer]:,} times."
    return _mistaken(
        answer, hardest, every, first, {x for p in pictures.values() for x in p.labels}
    )


def _mistaken(answer, hardest, every, first, labels):
    """Return the Mistake behind a wrong label, or False."""
    if answer == hardest:
        return Mistake(f"A hit that shows {hardest} shares a label with its query, so it is right.")
    if answer not in labels:
        return Mistake(f"None of the pictures has the label {answer!r:.60}.")
    if answer in _commonest(every):
        return Mistake("You counted right hits, too: many of them show something else beside it.")
    if answer in _commonest(first):
        return Mistake("You looked at the first hit of each query. Count all ten.")
    return False


def _commonest(counts):
    """Return the labels that are counted most often."""
    return {label for label, count in counts.items() if count == max(counts.values())}


@check(
    nudge="Is the picture itself among the hits that you counted? Is each list ten long?",
    hint="engine.search(whole, k=10, exclude=target.id) leaves the picture out. Count those hits "
    "that have label in hit.labels; then the same for part.",
    way="right_hits = [sum(label in hit.labels for hit in engine.search(image, k=10, "
    "exclude=target.id)) for image in (whole, part)]",
)
def region_search(
    answer: Sequence[int],
    images: tuple[Image.Image, Image.Image],
    own_id: str,
    label: str | None,
    engine: Any,
) -> str | bool:
    """Notebook 04, exercise 4: right ones of ten, with the whole picture and with its part."""
    if label is None:
        return "Your pictures have no labels, so your eyes have to say which is better. Go on."
    if isinstance(answer, int) and not isinstance(answer, bool):
        return Mistake("Two counts are wanted: (with whole, with part).")
    given = tuple(number(each) for each in answer)
    hits = [engine.search(image, k=12) for image in images]
    others = [[hit for hit in found if hit.id != own_id] for found in hits]
    truth = _showing(label, others, 10)
    if given == truth:
        effect = ("made no difference", "misled the search", "helped the search")
        which = (truth[1] > truth[0]) - (truth[1] < truth[0])
        return f"Right: {truth[0]} and {truth[1]}. Here, the rest of the picture {effect[which]}."
    mistakes = {
        truth[::-1]: "You have both counts, the wrong way round: the whole picture's comes first.",
        _sharing(engine.pictures[own_id].labels, others): "You counted hits that share any label. "
        f"Count those that show {label}.",
        _showing(label, others, 11): "You counted eleven hits. Take ten.",
        _showing(label, hits, 11): "You counted eleven hits. Take ten, without the picture itself.",
        _showing(label, hits, 10): "You counted the picture itself. Leave target.id out, and take "
        "ten others.",
    }
    return Mistake(mistakes[given]) if given in mistakes else False


def _sharing(labels, found):
    """Return how many of each list's first ten hits show any of the labels."""
    return tuple(sum(bool(set(labels) & set(hit.labels)) for hit in hits[:10]) for hits in found)


def _showing(label, found, k):
    """Return how many of each list's first k hits show the label."""
    return tuple(sum(label in hit.labels for hit in hits[:k]) for hits in found)
