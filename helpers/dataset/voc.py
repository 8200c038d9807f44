"""PASCAL VOC: its folders and its annotation files.

M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn, A. Zisserman: The PASCAL Visual Object
Classes (VOC) Challenge, IJCV 88 (2010). Notebook 01 reads one annotation file step by step.
"""

from collections.abc import Collection
from pathlib import Path

from defusedxml import DefusedXmlException, ElementTree

from helpers.dataset.pictures import (
    SUFFIXES,
    Box,
    DatasetError,
    Ledger,
    Picture,
    PictureError,
    SizeOf,
    Watch,
    decoded_size,
    read_all,
)


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


def list_pictures(
    folder: Path,
    size_of: SizeOf = decoded_size,
    progress: bool = False,
    only: Collection[str] | None = None,
    watch: Watch | None = None,
) -> tuple[list[Picture], Ledger]:
    """Return ([Picture], Ledger) of the VOC `folder`, ordered by id, which is the file's stem.

    A picture without a usable annotation stays, without labels, with a remark in the ledger.
    `size_of(path)` returns (width, height) or raises PictureError; `only` is a set of ids to keep
    to. Raises DatasetError when there is no such folder.
    """
    root = find(folder)
    if root is None:
        raise DatasetError(f"{folder} has no folder JPEGImages. Give a VOC2007 or VOC2012 folder.")
    ledger, only = Ledger(), only and set(only)

    def read(path, taken):
        if path.stem in taken:
            raise PictureError(f"its id is taken by {taken[path.stem].path.name}")
        width, height = size_of(path)
        boxes = _boxes(path, root, ledger)
        labels = tuple(sorted({box.label for box in boxes}))
        return Picture(path.stem, path, labels, boxes, width, height)

    visible = [p for p in (root / "JPEGImages").glob("[!.]*") if p.suffix.lower() in SUFFIXES]
    files = [p for p in visible if only is None or p.stem in only]
    files.sort(key=lambda path: (path.stem, path.name))
    return read_all(files, root, read, ledger, progress, watch), ledger


def annotation(path: Path) -> tuple[Box, ...]:
    """Return the tuple of `Box` in the annotation file `path`, in the file's order.

    Read with defusedxml: an entity or a document type is refused and never expanded. Parts of a
    person (head, hand, foot) are not objects. Raises AnnotationError.
    """
    try:
        root = ElementTree.parse(path, forbid_dtd=True).getroot()
        boxes = tuple(_box(item) for item in root.findall("object"))
    except FileNotFoundError as error:
        raise AnnotationError("it has no annotation file") from error
    except DefusedXmlException as error:
        raise AnnotationError("its annotation defines entities, which isn't safe") from error
    except (OSError, ValueError, SyntaxError, LookupError, ArithmeticError) as error:
        raise AnnotationError(f"its annotation can't be read ({error})") from error
    if not boxes:
        raise AnnotationError("its annotation names no object")
    return boxes


def _boxes(path, root, ledger):
    """Return the boxes of the picture at `path`; what is wrong with them goes to the `ledger`."""
    try:
        return annotation(root / "Annotations" / f"{path.stem}.xml")
    except AnnotationError as error:
        remark = f"{error}; it stays, without labels"
        ledger.add(path.relative_to(root), remark, used=True)
        return ()


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
