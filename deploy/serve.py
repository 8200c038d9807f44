"""Serve the search page from a container: `python serve.py /run/secrets/token`.

This is `python -m search_app --host 0.0.0.0` with a token from a file, and whatever options follow.
On the command line, or in the environment, everybody could read the token who may list processes
or inspect containers.
"""

import sys
from pathlib import Path

from search_app.__main__ import main


def token_in(path: Path) -> str:
    """Return the token in the file `path`; exit with a sentence when there is none to be read."""
    try:
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        sys.exit(f"{path} can't be read ({error.strerror}). Mount a readable file with the token.")
    if not token:
        sys.exit(f"{path} is empty. Write the token that visitors need into it.")
    return token


if __name__ == "__main__":
    main(["--host=0.0.0.0", f"--token={token_in(Path(sys.argv[1]))}", *sys.argv[2:]])
