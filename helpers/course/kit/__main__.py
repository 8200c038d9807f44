"""Build the workshop kit: `python -m helpers.course.kit FOLDER --voc 2000 --for "linux macos"`."""

import argparse
import sys
from pathlib import Path

from helpers.course.kit.build import build
from helpers.course.kit.targets import PYTHONS, SYSTEMS, chosen
from helpers.dataset import voc2012
from helpers.fetch.download import megabytes
from helpers.files import tree_size


def main() -> None:
    """Read the command line and build the kit."""
    parser = argparse.ArgumentParser(description="Build the workshop kit.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--voc", default="2000", help='"all" or the first N pictures (2000)')
    parser.add_argument("--for", dest="systems", default="", help=f"here, or of {[*SYSTEMS]} (all)")
    parser.add_argument("--pythons", default="", help=f"of {[*PYTHONS]} (all)")
    given = parser.parse_args()
    try:
        targets = chosen(given.systems.split(), given.pythons.split())
        out = build(given.folder, targets, voc2012.ALL if given.voc == "all" else int(given.voc))
    except (RuntimeError, ValueError) as error:
        sys.exit(str(error))
    print(f"The kit is in {out}: {megabytes(tree_size(out))}. Open its START_HERE.html.")


if __name__ == "__main__":
    main()
