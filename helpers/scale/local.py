"""Servers on this computer, to try out what usually runs elsewhere: each a process of its own.

Notebook 06 starts two of them: Milvus Lite as a server, which stands for any Milvus there is, and
the search service. To everybody who calls them, they are an address.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Self

import requests
from tqdm.auto import tqdm

from helpers import settings as _settings
from helpers.errors import PlainError
from helpers.settings import ROOT, Settings

WATCHED = (sys.executable, "-m", "helpers.scale.watched")
START_SECONDS = 600  # the service may have pictures to embed first
STOP_SECONDS = 30
HERE = "127.0.0.1"


class LocalServerError(PlainError, RuntimeError):
    """A server that didn't start, or ended by itself."""


class LocalServer(AbstractContextManager):
    """A server in a process of its own, reached at `uri`; leaving the `with` block stops it.

    `health` is the path that answers 200 once it is ready; without one, it is ready when it
    listens. What it prints goes to `log`.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        health: str = "",
        environ: Mapping[str, str] | None = None,
    ):
        """Prepare to run `command --port N`, with `environ` added to the environment."""
        self.name, self.log, self._health = name, log, health
        self._command, self._environ = command, environ or {}
        self.port, self.process = _free_port(), None

    @property
    def uri(self) -> str:
        """The address at which it is reached."""
        return f"http://{HERE}:{self.port}"

    def start(self, progress: bool = True) -> Self:
        """Start it, also again on the same port, and wait until it's ready; return self.

        One that is running stays as it is. Raises LocalServerError, with the end of its log, when
        it ends instead.
        """
        if self.process and self.process.poll() is None:
            return self
        if self._listens():
            raise LocalServerError(
                f"Another program has taken port {self.port}, so {self.name} can't start there. "
                "Create the server again: it gets another port."
            )
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("w", encoding="utf-8") as log, _explained(self.name):
            self.process = subprocess.Popen(
                [*WATCHED, *self._command, f"--port={self.port}"],
                cwd=ROOT,
                env={**os.environ, **self._environ},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C and Interrupt Kernel are for the notebook alone
            )
        try:
            self._wait(progress)
        except BaseException:
            self.stop()
            raise
        return self

    def _wait(self, progress):
        end = time.monotonic() + START_SECONDS
        shown = {"desc": f"starting {self.name}", "bar_format": "{desc} … {elapsed}"}
        with tqdm(**shown, delay=2, disable=not progress) as bar:
            while self.process.poll() is not None or not self._ready():
                if self.process.poll() is not None or time.monotonic() > end:
                    raise LocalServerError(
                        f"{self.name} didn't start: {_last_line(self.log)} "
                        f"See {self.log}, then run this again."
                    )
                time.sleep(0.5)
                bar.update()

    def _ready(self):
        if not self._health:
            return self._listens()
        with requests.Session() as session, suppress(requests.RequestException):
            session.trust_env = False  # a proxy doesn't know this computer's ports
            return session.get(f"{self.uri}{self._health}", timeout=10).ok
        return False

    def _listens(self):
        with suppress(OSError):
            socket.create_connection((HERE, self.port), 1).close()
            return True
        return False

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if self._told("stop\n"):
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()  # whoever watches it, and so, in time, the server
                self.process.wait()

    def kill(self) -> None:
        """End it without warning, as a crash would."""
        if self._told("kill\n"):
            self.process.wait()

    def _told(self, word):
        """Tell the process that watches the server; return whether there was one."""
        if not self.process or self.process.poll() is not None:
            return False
        with suppress(OSError):  # it ends just now
            self.process.stdin.write(word.encode())
            self.process.stdin.close()
        return True

    def __exit__(self, *_):
        self.stop()

    def __del__(self):
        """Leave no process behind when the notebook's variable or its kernel goes."""
        self.kill()


@contextmanager
def _explained(name):
    """Say in a sentence why a program can't even be started."""
    try:
        yield
    except OSError as error:
        raise LocalServerError(
            f"{name} can't be started ({error.strerror or error}). Set the environment up again "
            "with make setup, and check that the data folder can be written to."
        ) from None


def milvus_server(folder: Path) -> LocalServer:
    """Return Milvus Lite as a server of its own over `folder`, not started yet.

    Any number of programs may use it at once. It speaks what every Milvus server speaks.
    """
    command = [Path(sys.executable).with_name("milvus-lite"), "server", f"--data-dir={folder}"]
    log = folder.with_suffix(".log")
    return LocalServer("Milvus", [*map(str, command), f"--host={HERE}"], log)


def search_service(milvus_uri: str, settings: Settings | None = None) -> LocalServer:
    """Return the search service, what `make app` runs, over a Milvus elsewhere; not started yet.

    Its pictures and their vectors are those of `settings`.
    """
    here = settings or _settings.from_environment()
    environ = {
        "MILVUS_URI": milvus_uri,
        "BOOTCAMP_DATA": str(here.data),
        "BOOTCAMP_DATASET": here.dataset,
        "BOOTCAMP_OFFLINE": str(int(here.offline)),
    }
    command = [sys.executable, "-m", "search_app", f"--host={HERE}"]
    log = here.data / "logs" / "search_service.log"
    return LocalServer("the search service", command, log, "/readyz", environ)


def _free_port():
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return probe.getsockname()[1]


def _last_line(log):
    """Return the last line of a log as a sentence."""
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
    return f"{last[:300].rstrip('.')}."
