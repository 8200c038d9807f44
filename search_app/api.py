"""The REST interface: search, browse and load folders from a program; examples in docs/rest.md."""

import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from starlette.exceptions import HTTPException

from helpers.dataset.pictures import Picture
from helpers.index import LabelFilter
from helpers.search.engine import Engine
from search_app import models, query, safe_paths, safe_url, thumbs
from search_app.catalogue import Catalogue
from search_app.jobs import Job
from search_app.page import cached
from search_app.problems import RETRY_SECONDS, documented

VERSION = "1"
MAX_SEARCHES, MAX_FETCHES = 32, 8  # at once

router = APIRouter(prefix="/api", responses=documented(400, 401, 404, 422, 503), tags=["search"])


# What a request is about


async def served(request: Request) -> Catalogue:
    """Return the data sets, once they are open."""
    service = request.app.state.service
    if not service.catalogue:
        detail = service.state()["detail"]
        raise HTTPException(503, detail, {"Retry-After": str(RETRY_SECONDS)})
    return service.catalogue


Served = Annotated[Catalogue, Depends(served)]


async def named(name: str, catalogue: Served) -> Engine:
    """Return the data set that the path names."""
    if name not in catalogue.engines:
        raise HTTPException(404, "No collection has this name. GET /api/collections lists them.")
    return catalogue.engines[name]


Named = Annotated[Engine, Depends(named)]


def identified(id: Annotated[models.Id, Query()], engine: Named, catalogue: Served) -> Picture:
    """Return the picture that `id` means."""
    picture = engine.pictures.get(id)
    if not picture or not catalogue.may_show(picture, engine):
        raise HTTPException(404, "No picture here has this id. List the pictures to see their ids.")
    return picture


Identified = Annotated[Picture, Depends(identified)]


async def place(request: Request) -> AsyncIterator[None]:
    """Hold one of the places for searches until the request has been answered."""
    with request.app.state.service.searches.one():
        yield


# Collections


@router.get("/collections")
def list_collections(catalogue: Served) -> models.Collections:
    """List the data sets that can be searched."""
    return {"collections": catalogue.data_sets()}


@router.get("/collections/{name}")
def show_collection(engine: Named, catalogue: Served) -> models.Collection:
    """Show one data set: how many pictures it has, of which classes, and how its index is made."""
    facts = next(one for one in catalogue.data_sets() if one["name"] == engine.index.name)
    index = engine.index.describe()
    own = {key: index[key] for key in ("index", "parameters", "metric", "dimension", "bytes")}
    facts |= {"dataset": engine.dataset.name, "extractor": engine.index.extractor_name}
    facts |= {
        "tuning": engine.tuning.name if engine.tuning else "none",
        "dimension": engine.index.dim,
    }
    return facts | {"classes": engine.dataset.classes, "index": own | {"milvus": index["milvus"]}}


@router.delete("/collections/{name}", status_code=204, responses=documented(409))
def drop_collection(engine: Named, confirm: str, catalogue: Served) -> None:
    """Remove a folder that was loaded; `confirm` repeats its name. Its pictures stay on disk."""
    if confirm != engine.index.name:
        raise HTTPException(422, "To drop a collection, repeat its exact name in `confirm`.")
    catalogue.drop(engine.index.name)


# Searching

searching = {"dependencies": [Depends(place)], "responses": documented(413, 415)}


@router.post("/collections/{name}/search", **searching)
def search(
    wanted: models.Search, engine: Named, catalogue: Served, request: Request
) -> models.Hits:
    """Search with a picture of the data set (`id`, `positive`), at a `path`, or at a `url`.

    The pictures in `positive` are wanted, too, those in `negative` aren't; none of them is a hit.
    """
    source = []
    if wanted.id is not None:
        source = [_stored(wanted, engine, catalogue)]
    elif wanted.path is not None:
        path = safe_paths.resolve_inside(wanted.path, catalogue.roots)
        if not path.is_file():
            raise safe_paths.PathError("That is a folder. Send the path of one picture.")
        source = [thumbs.read_picture(path)]
    elif wanted.url is not None:
        with request.app.state.service.fetches.one():
            content = safe_url.fetch(wanted.url)
        source = [thumbs.read_picture(content, "the picture")]
    return _search(source, wanted, engine, catalogue)


@router.post("/collections/{name}/search/upload", **searching)
def search_upload(
    wanted: Annotated[models.Upload, Form(media_type="multipart/form-data")],
    engine: Named,
    catalogue: Served,
) -> models.Hits:
    """Search with uploaded picture files, at most 20 MB together; several are one query."""
    files = [((one.filename or "picture")[:120], one.file.read()) for one in wanted.file]
    images = [thumbs.read_picture(content, name) for name, content in files]
    return _search(images, wanted, engine, catalogue)


def _stored(wanted, engine, catalogue):
    """Return what to search with for an id: itself, or for a region the picture."""
    picture = identified(wanted.id, engine, catalogue)
    return thumbs.read_picture(picture.path) if wanted.region else wanted.id


def _search(sources, wanted, engine, catalogue):
    """Return the hits for `sources`, ids, which don't find themselves, or images, as one query."""
    unknown = sorted(set(wanted.labels) - set(engine.dataset.classes))
    if unknown:
        raise HTTPException(
            422,
            f"“{unknown[0][:80]}” isn't a class here. GET the collection to list them.",
        )
    for each in (*wanted.positive, *wanted.negative):
        identified(each, engine, catalogue)
    started = time.perf_counter()
    if wanted.region:
        region = query.checked_region(wanted.region)
        sources[0] = query.Query("", sources[0], region=region).pixels()
    chosen = LabelFilter(**{wanted.mode: tuple(wanted.labels)}) if wanted.labels else None
    liked, unlike = dict.fromkeys(wanted.positive), list(dict.fromkeys(wanted.negative))
    liked = [*sources, *(one for one in liked if one not in sources)]
    hits = engine.search(liked, wanted.k, chosen, wanted.min_score, unlike=unlike)
    known = [(hit, engine.pictures[hit.id]) for hit in hits if hit.id in engine.pictures]
    found = [
        _facts(picture, engine) | {"rank": rank, "score": hit.score}
        for rank, (hit, picture) in enumerate(known, start=1)
    ]
    ms = round(1000 * (time.perf_counter() - started), 1)
    return {"count": catalogue.count(engine), "ms": ms, "hits": found}


# Pictures


@router.get("/collections/{name}/pictures")
def list_pictures(
    engine: Named,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    label: str | None = None,
) -> models.Pictures:
    """List pictures, of one class or of all, `limit` at a time."""
    wanted = [one for one in engine.pictures.values() if label is None or label in one.labels]
    shown = [_facts(one, engine) for one in wanted[offset : offset + limit]]
    return {"total": len(wanted), "offset": offset, "pictures": shown}


@router.delete("/collections/{name}/pictures")
def delete_pictures(wanted: models.Ids, engine: Named, catalogue: Served) -> models.Deleted:
    """Delete pictures from the index; their files stay, and the next load or start adds them."""
    return {"deleted": catalogue.delete_pictures(engine, wanted.ids)}


@router.get("/collections/{name}/picture")
def show_picture(picture: Identified, engine: Named) -> models.PictureWithBoxes:
    """Show one picture's facts, with its annotated boxes."""
    return _facts(picture, engine) | {"boxes": [asdict(box) for box in picture.boxes]}


jpeg = {"response_class": Response, "responses": {200: {"content": {"image/jpeg": {}}}, 304: {}}}


@router.get("/collections/{name}/picture/file", **jpeg)
def picture_file(picture: Identified, request: Request) -> Response:
    """Return the picture in its full size, always as a new JPEG: pixels, and nothing else."""
    draw = thumbs.read_picture
    return _image(picture, request, lambda: thumbs.jpeg(draw(picture.path), 10**5, 90))


@router.get("/collections/{name}/picture/thumbnail", **jpeg)
def picture_thumbnail(picture: Identified, request: Request) -> Response:
    """Return a small JPEG of the picture."""
    return _image(picture, request, lambda: thumbs.thumb(picture.path))


def _image(picture, request, draw):
    """Return what `draw()` makes of a picture's file, unless the client has it already."""
    try:
        status = picture.path.stat()
    except OSError:
        raise HTTPException(404, "The picture's file is gone. Load the folder again.") from None
    # A copy may keep the old modification time, but not the time of its change on this disk.
    tag = f"{status.st_mtime_ns:x}-{status.st_ctime_ns:x}-{status.st_size:x}"
    found = cached(request, tag, draw, "image/jpeg")
    if found.status_code == 200 and not found.body:
        raise HTTPException(422, "The picture's file can't be read any more. Load it again.")
    return found


def _facts(picture, engine):
    """Return a picture as the interface shows it."""
    address = f"/api/collections/{engine.index.name}/picture"
    asked = f"?id={quote(picture.id, safe='')}"
    return {
        "id": picture.id,
        "path": safe_paths.shown(Path(picture.path), (engine.dataset.folder,)),
        "labels": list(picture.labels),
        "width": picture.width,
        "height": picture.height,
        "file": f"{address}/file{asked}",
        "thumbnail": f"{address}/thumbnail{asked}",
    }


# Jobs


@router.post("/jobs", status_code=202, responses=documented(409, 413, 415), tags=["folders"])
def load_folder(wanted: models.Folder, catalogue: Served, response: Response) -> models.JobView:
    """Load a folder, or what has changed in it, in the background; `Location` is the job."""
    job = catalogue.load_folder(wanted.folder)
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return _view(job)


@router.get("/jobs", tags=["folders"])
def list_jobs(catalogue: Served) -> models.Jobs:
    """List the jobs that run, wait, or ended lately."""
    return {"jobs": [_view(job) for job in catalogue.jobs.values()]}


async def job(job_id: str, catalogue: Served) -> Job:
    """Return the job that the path names."""
    if job_id not in catalogue.jobs:
        raise HTTPException(404, "No job has this id any more. GET /api/jobs lists them.")
    return catalogue.jobs[job_id]


@router.get("/jobs/{job_id}", tags=["folders"])
def show_job(found: Annotated[Job, Depends(job)]) -> models.JobView:
    """Show how far along a job is."""
    return _view(found)


@router.delete("/jobs/{job_id}", status_code=202, tags=["folders"])
def cancel_job(found: Annotated[Job, Depends(job)]) -> models.JobView:
    """Stop a job at its next batch; what has been embedded by then is kept."""
    found.cancel()
    return _view(found)


def _view(job):
    view = job.view()
    done, left = view["done"], view["total"] - view["done"]
    rate = view["seconds"] / done if done and job.running else None
    return view | {"seconds_left": None if rate is None else round(rate * left, 1)}
