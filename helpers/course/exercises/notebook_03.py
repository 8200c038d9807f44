"""The checks of notebook 03: a filter, the cost of recall, and an index of one's own."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from helpers.course.exercises.check import Mistake, check, whole

MOST = 16_000  # hits that a server returns at once
MOST_CELLS = 65_536  # that Milvus probes
ENOUGH = 0.95  # of the true neighbours


@check(
    nudge="Which part of a LabelFilter means at least one of these labels, and which none of them?",
    hint="`any` takes the two labels of which one is enough, `none` the one that mustn't be there.",
    way="index.search(query, k=5, label_filter=LabelFilter(any=(…, …), none=(…,)))",
)
def either_but_not(
    answer: Sequence[Any], labels: Sequence[str], query: Any, index: Any
) -> str | bool:
    """Notebook 03, exercise 1: the five nearest hits with one of two labels, but not a third.

    `labels` are the three, and `index` holds the pictures that count.
    """
    if len(labels) < 3:
        return "Your pictures have fewer than three labels, so there is little to filter. Go on."
    one, other, without = labels
    hits = index.search(query, k=min(index.count(), MOST))
    fit = [hit for hit in hits if {one, other} & {*hit.labels} and without not in hit.labels]
    if not fit:
        return f"None of your pictures shows {one} or {other} without {without}. Go on."
    given = [hit.id for hit in answer]
    if given == [hit.id for hit in fit[:5]] and _same_scores(answer, fit):
        return True
    return _filter_mistake(given, hits, fit, labels)


def _same_scores(answer, truth):
    return all(abs(a.score - t.score) < 1e-4 for a, t in zip(answer, truth, strict=False))


def _filter_mistake(given, hits, fit, labels):
    """Return what led to these ids instead of those of the first five in `fit`, or False."""
    one, other, without = labels
    if given and given == [hit.id for hit in fit[: len(given)]] and len(given) != 5:
        return Mistake(f"The filter is right, but you have {len(given)} hits; ask for five.")
    wrong = {
        f"You asked for {one} and {other} together; one of them is enough.": lambda has: (
            {one, other} <= has and without not in has
        ),
        f"Some of these show {without}: keep those out.": lambda has: bool({one, other} & has),
        f"You asked for {one} only; {other} will do as well.": lambda has: (
            one in has and without not in has
        ),
        f"You asked for {other} only; {one} will do as well.": lambda has: (
            other in has and without not in has
        ),
        f"{without} must not be there, but you asked for it too.": lambda has: bool(
            {one, other, without} & has
        ),
        "These are simply the nearest: the filter is missing.": lambda has: True,
    }
    for told, keep in wrong.items():
        if given == [hit.id for hit in hits if keep({*hit.labels})][:5]:
            return Mistake(told)
    if given and {*given} <= {hit.id for hit in fit}:
        return Mistake("All of these fit, but nearer ones do too: search with `query` itself.")
    return False


@check(
    nudge="Which printed nprobe was the last with too little, which the first with enough? "
    "The answer lies between them.",
    hint="Recall never falls when nprobe grows. So try the middle, and keep the half with the "
    "answer.",
    way="while high - low > 1: middle = (low + high) // 2, and recall(nprobe=middle) says whether "
    "`middle` replaces `high` (enough) or `low` (too little); then high is the answer.",
)
def smallest_nprobe(answer: int, recall: Callable[..., float]) -> str | bool:
    """Notebook 03, exercise 2: the smallest nprobe whose `recall(nprobe=…)` is at least 0.95."""
    nprobe = whole(answer)
    if not 1 <= nprobe <= MOST_CELLS:
        return False
    reached = recall(nprobe=nprobe)
    if reached < ENOUGH:
        if recall(nprobe=MOST_CELLS) < ENOUGH:  # equal vectors: which ones are nearest is chance
            return "Your pictures are too much alike: not even all cells have enough. Go on."
        return Mistake(f"nprobe {nprobe} has a recall of {reached:.3f}: too little.")
    if nprobe > 1 and (below := recall(nprobe=nprobe - 1)) >= ENOUGH:
        return Mistake(f"That's enough, but so is {nprobe - 1}, with a recall of {below:.3f}.")
    return f"Right: {nprobe} is enough, with a recall of {reached:.3f}, and one less isn't."


@check(
    nudge="Is each picture in `my_index`, under a new id, with a vector of its own pixels?",
    hint="Embed each opened picture, give each Picture a new id, and upsert both together.",
    way="my_index.upsert([replace(picture, id=…) …], np.stack([extractor.embed(…) …])), and "
    "my_ids lists exactly the ids that you wrote.",
)
def found_again(answer: Sequence[str], index: Any, vectors: Any) -> bool | str:
    """Notebook 03, exercise 3: new ids, all that `index` holds, each of which finds itself.

    `vectors` are the data set's: neither its ids nor copies of its vectors are new.
    """
    if isinstance(answer, str):
        return Mistake("That is one id. Put all of yours in a list.")
    ids, held = list(answer), index.digests()
    if not ids or any(not isinstance(name, str) for name in ids):
        return False
    if mistake := _id_mistake(ids, held, vectors):
        return mistake
    mine = np.stack([index.vector(name) for name in ids])
    if ((mine @ vectors.values.T).max(axis=1) > 0.99999).all():
        return Mistake("These are vectors of the data set's own pictures. Embed yours.")
    found = index.search_many(mine, k=len(ids))
    if not all(_finds_itself(hits, name) for hits, name in zip(found, ids, strict=True)):
        return False
    return f"Right: {len(ids)} new pictures, and each is its own nearest."


def _id_mistake(ids, held, vectors):
    """Return what is wrong with `ids`, seeing which ones the index holds; None if nothing is."""
    if old := {*ids} & {*vectors.ids}:
        return Mistake(f"{min(old)!r} is an id of the data set. Give yours new ones.")
    if absent := {*ids} - {*held}:
        return Mistake(f"`my_index` holds no picture {min(absent)!r}. Upsert it first.")
    if len(ids) != len({*ids}) or len(held) != len(ids):
        told = (
            f"`my_index` holds {len(held)} pictures, but you list {len(ids)} ids. List each once; "
        )
        return Mistake(told + "my_index.delete([…]) removes what should not be there.")
    return None


def _finds_itself(hits, name):
    """Return whether no hit scores higher than the picture itself; copies score the same."""
    own = next(hit.score for hit in hits if hit.id == name)
    return own > 0.999 and own >= hits[0].score - 1e-5
