"""From the store of vectors to Milvus, page by page: `Index.sync` for where memory is short."""

from collections.abc import Sequence

from helpers.dataset.pictures import Picture
from helpers.features import VGG16
from helpers.features.vector_store import Store
from helpers.index import Index, SyncResult
from helpers.index.copying import make_equal
from helpers.index.schema import rows_by_id
from helpers.scale.sources import Remote


def sync_kept(
    index: Index,
    pictures: Sequence[Picture | Remote],
    extractor: VGG16,
    progress: bool = True,
    delete_most: bool = False,
) -> SyncResult:
    """Make `index` hold what the store has of these pictures, as `Index.sync` does, page by page.

    Never more than some thousand vectors are in memory. Returns and raises what `sync` does.
    """
    store = Store(extractor.folder(index.dataset_name), extractor.provenance())
    return make_equal(index, _Kept(pictures, store, extractor.columns()), delete_most, progress)


class _Kept:
    """Pictures and their vectors in a store, as a Source of rows that `copying` writes."""

    def __init__(self, pictures, store, columns):
        self.told, self.store, self.columns = f"The store {store.folder}", store, columns
        self.pictures = {one.id: one for one in pictures if one.id in store.row_of}
        self.known = {}
        for ids in self._parts():
            self.known |= {row["id"]: row["digest"] for row in self._rows(ids)}
        self.total = len(self.known)

    def pages(self):
        for ids in self._parts():
            yield {one: self.known[one] for one in ids if one in self.known}, self._rows

    def digests(self, ids):
        return {one: self.known[one] for one in ids if one in self.known}

    def _parts(self, rows=1000):
        ids = list(self.pictures)
        return (ids[start : start + rows] for start in range(0, len(ids), rows))

    def _rows(self, ids):
        values = self.store.vectors(ids, self.columns)
        pictures = [self.pictures[name] for name in ids]
        return list(rows_by_id(pictures, values, values.shape[1])[0].values())
