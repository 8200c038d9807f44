"""What the tests of the index use, these use too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "index"))
