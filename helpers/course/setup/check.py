"""One line of the set-up check: what was looked at, whether it is right, and what would help."""

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpers.errors import PlainError

SIGNS = {True: "✓", False: "✗", None: "·"}
WIDTH = 100
INDENT = " " * 12


@dataclass(frozen=True)
class Check:
    """What one check found; `ok` is None where that is worth knowing and not wrong.

    `fix` is the one thing that helps. `brief` is what the line for the teacher says of it, never a
    path or anybody's name; "" where it says nothing.
    """

    name: str
    ok: bool | None
    found: str
    fix: str = ""
    brief: str = ""

    def __str__(self) -> str:
        """Return sign, name and what was found and, below that, what would help."""
        lines = [_filled(f"{SIGNS[self.ok]} {self.name:<9} {self.found}", "")]
        lines += [_filled(f"→ {self.fix}", INDENT)] if self.fix else []
        return "\n".join(lines)


def guarded(name: str, look: Callable[..., Any], *arguments: Any) -> Any:
    """Return what `look(…)` finds; whatever it raises is a line of the check, too."""
    try:
        return look(*arguments)
    except PlainError as error:
        return from_error(name, error)
    except Exception as error:  # a check that fails must not hide what the others find
        return Check(
            name,
            False,
            f"This check ended with {type(error).__name__}: {str(error) or 'no message':.300}",
            "Go on to notebook 01 all the same, and show this line to whoever teaches the course.",
            f"{name} {type(error).__name__}",
        )


def from_error(name: str, error: Exception, brief: str = "") -> Check:
    """Return a ✗ from one of our errors: its first sentence is what happened, the rest the fix."""
    text = " ".join(str(error).split())
    first, rest = re.fullmatch(r"(.+?[.?!])(?: (?=[A-Z]|`)(.*))?|(?:.*)", text).groups()
    return Check(name, False, first or text, rest or "", brief or f"{name} wrong")


def _filled(text, indent):
    """Return `text` in lines that fit a projector; no word, and so no path, is broken."""
    shown = text.encode("utf-8", "backslashreplace").decode()  # of a path that isn't UTF-8
    return textwrap.fill(
        shown,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
