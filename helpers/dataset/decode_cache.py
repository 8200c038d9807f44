"""Each picture is decoded once to see that it is whole; the answer is kept until it changes."""

from helpers.dataset.pictures import PictureError, check
from helpers.files import read_json, write_json


class Checks:
    """Remembers (width, height) of each sound picture; used as `checked(path)` by the readers."""

    def __init__(self, path):
        """Read what the JSON file `path` remembers, if anything."""
        self.path, self.known, self.fresh = path, read_json(path), {}

    def __call__(self, path):
        """Return (width, height) in pixels of the picture at `path`; raise PictureError."""
        try:
            status = path.stat()
        except OSError as error:
            raise PictureError(f"it may not be read ({error.strerror})") from error
        key = f"{path}|{status.st_size}|{status.st_mtime_ns}"
        # A fault is not remembered: a permission may be mended without the file changing.
        self.fresh[key] = self.known.get(key) or check(path)
        return tuple(self.fresh[key])

    def __enter__(self):
        """Begin."""
        return self

    def __exit__(self, *error):
        """Write what is known now, whole or not at all; after an interruption also the rest."""
        known = {**self.known, **self.fresh} if error[0] else self.fresh
        write_json(self.path, known)
