"""The service: one process with one engine, for the page and the REST interface alike.

It answers from the first moment; the pictures, the network and the index are opened in a thread,
and until they are there, everybody is told what is still being done, or why it doesn't work.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi_offline import FastAPIOffline

from helpers import settings as _settings
from helpers.errors import PlainError
from helpers.index import MilvusError, collections
from helpers.search import open_engine
from helpers.settings import Settings
from search_app import api, page, problems, safe_paths
from search_app.batcher import Batcher, Slots
from search_app.catalogue import Catalogue
from search_app.messages import explain
from search_app.page import Visitors
from search_app.safety import Guard

log = logging.getLogger(__name__)

router = APIRouter(tags=["service"])


class Stopped(Exception):
    """The service ends while it is still starting; what is done is kept."""


class Service:
    """What the process serves, and how far along it is with opening that."""

    def __init__(self, settings: Settings, when_ready: Callable[[], object], searches: int):
        """Prepare to serve what `settings` name; `when_ready()` is called once it is open.

        The REST interface does at most `searches` at once.
        """
        self.settings, self._when_ready = settings, when_ready
        self.roots = safe_paths.resolved(settings.roots)
        self.catalogue, self.visitors = None, Visitors()
        self.searches = Slots(searches, "searches")
        self.fetches = Slots(api.MAX_FETCHES, "downloads")
        self.step, self.done, self.total, self.problem = "Starting", 0, 0, ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="opening", daemon=True)

    def start(self) -> None:
        """Begin to open everything; return at once."""
        self._thread.start()

    def close(self) -> None:
        """Stop whatever is going on, and release Milvus."""
        self._stop.set()
        self._thread.join()
        if self.catalogue:
            engine = self.catalogue.default
            self.catalogue.close()
            engine.embedder.close()
            engine.index.close()

    def state(self) -> dict:
        """Return how far along opening is: {detail, step, done, total}."""
        counted = f" ({self.done:,} of {self.total:,})" if self.total else ""
        detail = self.problem or f"{self.step}{counted}."
        return {"detail": detail, "step": self.step, "done": self.done, "total": self.total}

    def _run(self):
        """Open everything, again and again until it works or fails in a way nobody foresaw."""
        while not (self.catalogue or self._stop.is_set()):
            try:
                self.catalogue = Catalogue([self._open()])
            except Stopped:
                return
            except PlainError as error:
                self._note(error)
                # Milvus is free when another notebook ends; the rest takes longer, also to try.
                times = 1 if isinstance(error, MilvusError) else 12
                self._stop.wait(times * problems.RETRY_SECONDS)
            except Exception as error:
                self.problem = explain(error)  # which logs it
                return
        if self.catalogue:
            self.catalogue.offer_again()
            self._when_ready()

    def _note(self, error):
        """Say what is wrong: in the terminal, once; to whoever asks, without paths."""
        problem = explain(error, self.roots)
        if problem != self.problem:
            log.error("%s", error)
        self.problem = problem

    def _open(self):
        """Return the Engine, after everything that this takes."""
        self._watch("Opening Milvus")
        collections(self.settings)  # if another program holds it, that shows before the long steps
        return open_engine(None, "auto", self.settings, Batcher, self._watch)

    def _watch(self, step, done=0, total=0):
        if self._stop.is_set():
            raise Stopped
        if step != self.step and not self.problem:
            log.info("%s …", step)
        self.step, self.done, self.total = step, done, total


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", responses=problems.documented(503))
async def ready(request: Request) -> Response:
    """Say that everything is open, or else how far along that is, or why it can't be."""
    service = request.app.state.service
    if service.catalogue:
        return problems.JSONResponse({"status": "ready"})
    state = service.state()
    return problems.answer(503, state.pop("detail"), problems.RETRY_SECONDS, **state)


def create_app(
    settings: Settings | None = None,
    token: str = "",
    local: bool = True,
    when_ready: Callable[[], object] = lambda: None,
    searches: int = api.MAX_SEARCHES,
    **limits: float,
) -> FastAPI:
    """Return the application over what `settings` name, by default those of the environment.

    `when_ready()` is called once everything is open. At most `searches` go on at once; `token`,
    `local` and the other `limits` are Guard's.
    """
    service = Service(settings or _settings.from_environment(), when_ready, searches)

    @asynccontextmanager
    async def lifespan(_app):
        service.start()
        yield
        service.visitors.close()
        await asyncio.to_thread(service.close)

    app = FastAPIOffline(
        title="Reverse image search", version=api.VERSION, lifespan=lifespan, redoc_url=None
    )
    app.state.service = service
    problems.add_handlers(app)
    for each in (router, page.router, api.router):
        app.include_router(each)
    app.add_middleware(Guard, token=token, local=local, **limits)
    return app
