"""Bytes from anywhere, verified and resumed: what notebook 01 needs before it has any pictures.

In goes an address (or several mirrors of one), a file or a workshop kit; out come files that are
whole, with the digest they should have, or an error that says what was tried. `remote` opens a
file at any byte, `download` fetches one whole, `archive` unpacks a tar, and `stream` reads only
the first pictures of one and stops.
"""

from helpers.lazy import lazy_exports

__all__, __getattr__, __dir__ = lazy_exports(
    __name__,
    archive=("ArchiveError", "TruncatedArchiveError"),
    download=("DownloadError", "KitError"),
    remote=("RemoteError",),
)
