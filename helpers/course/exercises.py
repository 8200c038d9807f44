"""The checks behind the exercises: each says whether an answer is right, and hints when it is not.

A check returns True or False and prints one or two sentences; it never raises because of an answer,
and it works the right answer out from the learner's own data.
"""

from collections import Counter

import numpy as np


def verdict(right, hint, answer=None, praise="Right."):
    """Print praise or the hint, and return whether the answer was right."""
    if answer is ...:
        print(f"Not answered yet. Hint: {hint}")
        return False
    print(praise if right else f"Not quite. Hint: {hint}")
    return bool(right)


# Notebook 01


def dog_and_person(answer, pictures):
    """Check the number of pictures that show both a dog and a person."""
    truth = sum("dog" in picture.labels and "person" in picture.labels for picture in pictures)
    hint = "ask for each picture whether both names are in picture.labels, then add up the answers."
    return verdict(answer == truth, hint, answer)


def most_often_alone(answer, pictures):
    """Check the class whose pictures most often show nothing else."""
    shown = Counter(label for picture in pictures for label in picture.labels)
    alone = Counter(picture.labels[0] for picture in pictures if len(picture.labels) == 1)
    share = {name: alone[name] / shown[name] for name in shown}
    right = answer in share and share[answer] == max(share.values())
    hint = "divide the pictures where the class is the only label by all pictures that show it."
    return verdict(right, hint, answer)


def boxes_drawn(answer, picture):
    """Check one matplotlib Rectangle for each box: left, top, width and height in pixels."""
    hint = "start at xmin - 1 and ymin - 1; a box from 3 to 5 is three pixels wide, not two."
    if not isinstance(answer, list | tuple):
        return verdict(False, hint, answer)
    drawn = sorted(
        (round(r.get_x()), round(r.get_y()), round(r.get_width()), round(r.get_height()))
        for r in answer
        if hasattr(r, "get_x")
    )
    wanted = sorted(
        (b.xmin - 1, b.ymin - 1, b.xmax - b.xmin + 1, b.ymax - b.ymin + 1) for b in picture.boxes
    )
    return verdict(drawn == wanted, hint, answer)


# Notebook 02


def swapped_channels(answer, cosine):
    """Check the learner's prediction of what swapping red and blue does to an embedding."""
    choices = {"nothing": cosine > 0.999, "a little": 0.5 < cosine <= 0.999, "all": cosine <= 0.5}
    hint = "the colours are wrong, but edges and shapes stay; compare the two embeddings' cosine."
    praise = f"Right: the two embeddings have a cosine of {cosine:.2f}."
    return verdict(choices.get(answer, False), hint, answer, praise)


def closest_classes(answer, labels, vectors):
    """Check the two classes whose mean embeddings have the largest cosine."""
    names, means = class_means(labels, vectors)
    cosines = means @ means.T
    np.fill_diagonal(cosines, -1)
    first, second = np.unravel_index(cosines.argmax(), cosines.shape)
    right = isinstance(answer, list | tuple | set) and set(answer) == {names[first], names[second]}
    hint = "average each class' vectors, scale to length one, and look for the largest product."
    return verdict(right, hint, answer)


def strongest_channel(answer, label, labels, vectors):
    """Check the channel whose mean over one class exceeds its mean over all pictures the most."""
    member = np.array([label in each for each in labels])
    excess = vectors[member].mean(0) - vectors.mean(0)
    hint = "subtract the mean over all pictures from the mean over the class, then argmax."
    return verdict(answer == int(excess.argmax()), hint, answer)


def class_means(labels, vectors):
    """Return the sorted class names and their mean embeddings, (classes, dim), of length one."""
    names = sorted({name for each in labels for name in each})
    means = np.stack([vectors[[name in each for each in labels]].mean(0) for name in names])
    return names, means / np.linalg.norm(means, axis=1, keepdims=True)


# Notebook 03


def person_no_car(answer):
    """Check that a filtered search returned only pictures with a person and without a car."""
    hint = "Labels(all=(...), none=(...)) takes one tuple of names that must be there, one of not."
    if not isinstance(answer, list | tuple):
        return verdict(False, hint, answer)
    right = answer and all("person" in hit.labels and "car" not in hit.labels for hit in answer)
    return verdict(right, hint, answer)


def enough_recall(answer, measured, floor=0.95):
    """Check the smallest nprobe of {nprobe: recall} whose recall reaches `floor`."""
    enough = [nprobe for nprobe, recall in sorted(measured.items()) if recall >= floor]
    hint = f"take the first row whose recall is at least {floor}; more only costs time."
    return verdict(enough and answer == enough[0], hint, answer)


def found_again(answer, index):
    """Check that every id in `answer` is in the index and finds itself first."""
    hint = "upsert one row for each picture, then search with the very vector that you stored."
    if not isinstance(answer, list | tuple) or not answer:
        return verdict(False, hint, answer)
    first = [index.search(index.vector(name), k=1)[0].id for name in answer]
    return verdict(first == list(answer), hint, answer)


# Notebook 04


def fooled(answer, precision):
    """Check that the learner's query is among the worst tenth by precision; {id: P@10}."""
    hint = "look for queries whose precision is among the lowest tenth of the whole set."
    if answer not in precision:
        return verdict(False, hint, answer)
    worst = np.quantile(list(precision.values()), 0.1)
    return verdict(precision[answer] <= worst, hint, answer)


def region_search(answer, picture, engine):
    """Check how many of the first ten hits for the picture's first box share the box's label."""
    from helpers.dataset.pictures import open_picture

    hint = "crop with (xmin - 1, ymin - 1, xmax, ymax), leave the picture itself out of the hits."
    if not isinstance(answer, int | np.integer) or not picture.boxes:
        return verdict(False, hint, answer)
    box = picture.boxes[0]
    region = open_picture(picture.path).crop((box.xmin - 1, box.ymin - 1, box.xmax, box.ymax))
    hits = [hit for hit in engine.search(region, k=11) if hit.id != picture.id][:10]
    return verdict(answer == sum(box.label in hit.labels for hit in hits), hint, answer)
