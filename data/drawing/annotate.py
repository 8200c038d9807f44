"""Write what was drawn as PASCAL VOC 2012 does: one XML file a picture, and the image sets."""

from __future__ import annotations

CLASSES = [
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
]


def annotation(name, size, objects):
    """Return the XML text for picture `name` of (width, height) with (label, box, cut) objects."""
    lines = [
        "<annotation>",
        "\t<folder>VOC2012</folder>",
        f"\t<filename>{name}.jpg</filename>",
        "\t<source>",
        "\t\t<database>Drawn sample in the layout of VOC2012</database>",
        "\t\t<annotation>PASCAL VOC2012</annotation>",
        "\t\t<image>drawing</image>",
        "\t</source>",
        "\t<size>",
        f"\t\t<width>{size[0]}</width>",
        f"\t\t<height>{size[1]}</height>",
        "\t\t<depth>3</depth>",
        "\t</size>",
        "\t<segmented>0</segmented>",
    ]
    for label, box, cut in objects:
        lines += object_lines(label, box, cut)
    return "\n".join([*lines, "</annotation>", ""])


def object_lines(label, box, cut):
    """Return the XML lines of one object."""
    sides = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    return [
        "\t<object>",
        f"\t\t<name>{label}</name>",
        "\t\t<pose>Unspecified</pose>",
        f"\t\t<truncated>{int(cut)}</truncated>",
        "\t\t<difficult>0</difficult>",
        "\t\t<bndbox>",
        *(f"\t\t\t<{side}>{value}</{side}>" for side, value in sides),
        "\t\t</bndbox>",
        "\t</object>",
    ]


def image_sets(pictures):
    """Return {file name: text} for ImageSets/Main; `pictures` maps a name to (split, labels)."""
    files = {}
    for split, parts in (("train", "train"), ("val", "val"), ("trainval", "train val")):
        names = [name for name, (part, _) in pictures.items() if part in parts.split()]
        files[f"{split}.txt"] = "".join(f"{name}\n" for name in names)
        for label in CLASSES:
            signs = ((name, 1 if label in pictures[name][1] else -1) for name in names)
            files[f"{label}_{split}.txt"] = "".join(f"{name} {sign:2d}\n" for name, sign in signs)
    return files
