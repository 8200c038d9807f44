"""PASCAL VOC: its folders and its annotation files.

M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn, A. Zisserman: The PASCAL Visual Object
Classes (VOC) Challenge, IJCV 88 (2010). Notebook 01 reads one annotation file step by step.
"""

from collections.abc import Iterator
from pathlib import Path

from defusedxml import DefusedXmlException, ElementTree

from helpers.dataset.pictures import Box, Ledger


class AnnotationError(ValueError):
    """An annotation file that can't be used; its text is the reason in plain words."""


def find(folder: Path) -> Path | None:
    """Return the folder with `JPEGImages` in or under `folder`, or None.

    It may be a year's folder (VOC2007, VOC2012), `VOCdevkit` around it, or a folder around that.
    Of several years, the latest counts.
    """
    folder = Path(folder)
    candidates = [folder]
    for pattern in ("VOC20*", "VOCdevkit", "VOCdevkit/VOC20*"):
        candidates += sorted(folder.glob(pattern), reverse=True)
    return next((path for path in candidates if (path / "JPEGImages").is_dir()), None)


def files(place: Path, _ledger: Ledger) -> Iterator[tuple[str, Path]]:
    """Yield (id, path) of every file in the VOC in or under `place`; the id is the file's stem."""
    for path in (find(place) / "JPEGImages").glob("[!.]*"):
        if not path.is_dir():
            yield path.stem, path


def describe(path: Path, place: Path, ledger: Ledger) -> tuple[tuple[str, ...], tuple[Box, ...]]:
    """Return (labels, boxes) of the picture at `path`.

    Without a usable annotation it has none, with a remark in the `ledger`.
    """
    try:
        boxes = annotation(path.parents[1] / "Annotations" / f"{path.stem}.xml")
    except AnnotationError as error:
        ledger.add(path.relative_to(place), f"{error}; it stays, without labels", used=True)
        return (), ()
    return tuple(sorted({box.label for box in boxes})), boxes


def annotation(path: Path) -> tuple[Box, ...]:
    """Return the tuple of `Box` in the annotation file `path`, in the file's order.

    Read with defusedxml: an entity or a document type is refused and never expanded. Parts of a
    person (head, hand, foot) are not objects. Raises AnnotationError.
    """
    if not path.is_file():  # a pipe would wait for ever
        raise AnnotationError("it has no annotation file")
    try:
        root = ElementTree.parse(path, forbid_dtd=True).getroot()
        boxes = tuple(_box(item) for item in root.findall("object"))
    except DefusedXmlException as error:
        raise AnnotationError("its annotation defines entities, which isn't safe") from error
    except (OSError, ValueError, SyntaxError, LookupError, ArithmeticError) as error:
        raise AnnotationError(f"its annotation can't be read ({error})") from error
    if not boxes:
        raise AnnotationError("its annotation names no object")
    return boxes


def _box(item):
    """Return the Box of one `object` element; corners may be written as 12 or as 12.0."""
    label = (item.findtext("name") or "").strip()
    corners = [
        round(float(item.findtext(f"bndbox/{k}", ""))) for k in ("xmin", "ymin", "xmax", "ymax")
    ]
    if not label or corners[0] > corners[2] or corners[1] > corners[3]:
        raise ValueError("an object has no name, or its box ends before it begins")
    flags = [item.findtext(k, "0").strip() == "1" for k in ("difficult", "truncated")]
    return Box(label, *corners, *flags)
