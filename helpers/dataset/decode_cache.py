"""Each picture is decoded once to see that it is whole; its size is kept until the file changes."""

from pathlib import Path

from helpers.dataset.pictures import PictureError, decoded_size
from helpers.files import read_json, write_json


class DecodeCache:
    """`decoded_size` with a memory: called with a path, it decodes only what is new or changed."""

    def __init__(self, path: Path):
        """Read what the JSON file `path` remembers, if anything."""
        self.path, self.known, self.current = path, read_json(path), {}

    def __call__(self, path: Path) -> tuple[int, int]:
        """Return (width, height) in pixels of the picture at `path`; raise PictureError."""
        try:
            status = path.stat()
        except OSError as error:
            raise PictureError(f"it can't be read: {error.strerror}") from error
        key = f"{path}|{status.st_size}|{status.st_mtime_ns}"
        # A fault is not remembered: a permission may change without the file changing.
        self.current[key] = self.known.get(key) or decoded_size(path)
        return tuple(self.current[key])

    def __enter__(self):
        """Begin."""
        return self

    def __exit__(self, *error):
        """Write what is known of the current files; after an interruption, of all others too."""
        write_json(self.path, {**self.known, **self.current} if error[0] else self.current)
