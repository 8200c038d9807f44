"""The checks of notebook 01: counting labels, and boxes that count from 1."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import ceil

import numpy as np
from matplotlib.patches import Rectangle

from helpers.course.exercises.check import Mistake, check, known, whole
from helpers.dataset import Picture, open_picture


def two_classes(pictures: Sequence[Picture]) -> tuple[str, str]:
    """Return two classes to count together: the second most frequent pair, or what there is."""
    pairs = Counter(pair for picture in pictures for pair in combinations(picture.labels, 2))
    names = sorted({label for picture in pictures for label in picture.labels})
    frequent = [pair for pair, _ in pairs.most_common(2)]
    return (frequent or [tuple(names[:2])])[-1] if len(names) > 1 else ("dog", "person")


@check(
    nudge="Take one picture. What must be true of its labels for it to count?",
    hint="Both names must be in picture.labels. `sum` over True and False counts the True ones.",
    way="sum(one in picture.labels and other in picture.labels for picture in data.pictures)",
)
def shows_both(answer: int, one: str, other: str, pictures: Sequence[Picture]) -> str | bool:
    """Notebook 01, exercise 1: the number of pictures that show both classes."""
    labels = [set(picture.labels) for picture in pictures]
    if len(set().union(*labels)) < 2:
        return "Your pictures don't have two classes, so there is nothing to count here. Go on."
    both = [{one, other} <= each for each in labels]
    if isinstance(answer, list | tuple | set):
        return Mistake("That's a collection. How many are in it?")
    if (number := whole(answer)) == sum(both):
        return f"Right: {number:,} pictures show both {one} and {other}."
    mistakes = _other_counts(one, other, pictures, both).items()
    return known((number == count, words) for words, count in mistakes)


def _other_counts(one, other, pictures, both):
    """Return {what went wrong: the number that comes of it}."""
    labels = [picture.labels for picture in pictures]
    objects = [sum(box.label in (one, other) for box in picture.boxes) for picture in pictures]
    return {
        f"You counted pictures that show {one} *or* {other}. Which of them show both?": sum(
            one in each or other in each for each in labels
        ),
        "You counted pictures that show these two and nothing else. More may be in them.": sum(
            set(each) == {one, other} for each in labels
        ),
        f"That's how many show {other}, with or without {one}. Did you write "
        f"`'{one}' and '{other}' in …`? Python asks that of the last name only.": sum(
            other in each for each in labels
        ),
        f"That's how many show {one}, with or without {other}.": sum(
            one in each for each in labels
        ),
        "You counted objects. Ten sheep in one picture are still one picture.": sum(objects),
        "You counted the objects in those pictures. Count the pictures.": sum(
            count for count, shown in zip(objects, both, strict=True) if shown
        ),
    }


@check(
    nudge="For one class you need two numbers. Which ones, and what do you do with them?",
    hint="Count, for each class, the pictures where it is the only label; divide by pictures_of.",
    way="alone = Counter(p.labels[0] for p in data.pictures if len(p.labels) == 1), then "
    "min(pictures_of, key=lambda name: alone[name] / pictures_of[name])",
)
def rarely_alone(answer: str, pictures: Sequence[Picture]) -> str | bool:
    """Notebook 01, exercise 2: the class with the smallest share of pictures to itself."""
    shown = Counter(label for picture in pictures for label in picture.labels)
    alone = Counter(picture.labels[0] for picture in pictures if len(picture.labels) == 1)
    share = {name: alone[name] / shown[name] for name in shown}
    if len(set(share.values())) < 2:
        return "None of your classes is alone more often than another: nothing to find here. Go on."
    if not isinstance(answer, str) or answer not in share:
        return Mistake(f"Give a class by its name, such as {min(share)!r}.")
    if share[answer] == min(share.values()):
        return f"Right: {answer} is alone in {alone[answer]:,} of its {shown[answer]:,} pictures."
    mistakes = (
        (share, max, "That one is alone most often. We want the other end."),
        (alone, min, "It's alone in the fewest pictures, but it's in few at all. Take the share."),
        (shown, max, "It's in the most pictures. In what share of them is it alone?"),
    )
    return known(
        (numbers[answer] == extreme(numbers[name] for name in shown), words)
        for numbers, extreme, words in mistakes
    )


@check(
    nudge="Look at your figure, at the corners of a box: where should they be, to the pixel?",
    hint="VOC's first pixel is 1, imshow's is 0; and from pixel 3 to pixel 5 are three pixels.",
    way="plt.Rectangle((b.xmin - 1, b.ymin - 1), b.xmax - b.xmin + 1, b.ymax - b.ymin + 1, "
    "fill=False) for each b of chosen.boxes; then axis.add_patch for each of them.",
)
def boxes_drawn(answer: Sequence[Rectangle], picture: Picture) -> str | bool:
    """Notebook 01, exercise 3: one matplotlib Rectangle per box, on an axis with the picture."""
    if not picture.boxes:
        return "This picture has no boxes, so there is nothing to draw here. Go on."
    if isinstance(answer, Rectangle):
        return Mistake("That's one rectangle. Put all of them in a list.")
    rectangles = [each for each in answer if isinstance(each, Rectangle)]
    if not rectangles or len(rectangles) < len(answer):
        return False
    return (
        _misplaced(rectangles, picture) or _not_shown(rectangles, picture) or "Right: to the pixel."
    )


def _misplaced(rectangles, picture):
    """Return the Mistake in where the rectangles are, None if there isn't any."""
    if len(rectangles) != len(picture.boxes):
        counts = f"{len(rectangles)} in your list, {len(picture.boxes)} in the annotation"
        return Mistake(f"There must be a rectangle for each box: {counts}.")
    found = sorted(_pixels(each) for each in rectangles)
    for (start, more), sentence in {
        (0, 1): None,
        (1, 1): "All are one pixel too far right and down: VOC counts from 1, imshow from 0.",
        (0, 0): "All are one pixel too small: from pixel 3 to pixel 5 are three pixels, not two.",
        (1, 0): "The left and upper edges are one pixel off: VOC counts from 1, imshow from 0.",
    }.items():
        if found == _expected(picture.boxes, start, more):
            return sentence and Mistake(sentence)
    ends = [(b.xmin, b.ymin, b.xmax, b.ymax) for b in picture.boxes]
    if {each[2:] for each in found} <= {(x + d, y + d) for *_, x, y in ends for d in (-1, 0)}:
        return Mistake("Rectangle wants width and height after the corner, not the far corner.")
    return Mistake("They aren't where the boxes are.")


def _pixels(rectangle):
    """Return (x, y, width, height) in whole pixels; half a pixel more to the left is right, too.

    `imshow` puts the centre of the first pixel at 0, and its edge at -0.5.
    """
    x, y, width, height = rectangle.get_bbox().bounds
    return ceil(x - 1e-6), ceil(y - 1e-6), round(width), round(height)


def _expected(boxes, start, more):
    """Return the rectangles of boxes, `start` pixels from where they belong."""
    return sorted(
        (b.xmin - 1 + start, b.ymin - 1 + start, b.xmax - b.xmin + more, b.ymax - b.ymin + more)
        for b in boxes
    )


def _not_shown(rectangles, picture):
    """Return the Mistake in where the rectangles can be seen, None if they lie on the picture."""
    if not all(each.axes and each in each.axes.patches for each in rectangles):
        return Mistake("The numbers are right, but axis.add_patch has yet to draw each rectangle.")
    if not all(each.get_visible() and each.get_alpha() != 0 for each in rectangles):
        return Mistake("The numbers are right, but nobody can see these rectangles.")
    wanted = np.asarray(open_picture(picture.path), float)
    for axis in {each.axes for each in rectangles}:
        images = [np.asarray(image.get_array(), float) for image in axis.images]
        same = [each for each in images if each.shape == wanted.shape]
        if not any(abs(each - wanted).mean() < 5 for each in same):
            return Mistake("They lie on an axis that doesn't show this picture: use axis.imshow.")
    return None
