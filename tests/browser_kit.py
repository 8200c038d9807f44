"""The real service, JupyterLab and Chromium, for the browser tests and for bench/app.py."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import psutil

ROOT = Path(__file__).resolve().parent.parent
RAISED = "--config=jupyter_server_config.json"  # Jupyter does not look for it in this folder
LIMIT_MS = 600_000  # for whatever is waited for: a machine may be busy
SCREENS = ROOT / "build" / "screens"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
]


def chromium():
    """Return the path of a Chromium or Chrome on this machine, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


def free_port():
    """Return a port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def own_address():
    """Return an address of this computer that isn't loopback, where it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        with contextlib.suppress(OSError):
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses where from
        return probe.getsockname()[0]


@contextlib.contextmanager
def serving(command, port, path, log, environ=None, seconds=600):
    """Run a server's `command` in the project's root until `path` answers; yield its process.

    The root matters: the configuration that raises Jupyter's upload limit is there.
    """
    with Path(log).open("a") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
            env=os.environ | (environ or {}), start_new_session=True,
        )  # fmt: skip
        try:
            wait_for(f"http://127.0.0.1:{port}{path}", server, log, seconds)
            yield server
        finally:
            # Kernels are children of the server; the group takes them along.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(60)


def wait_for(address, server, log, seconds=600):
    """Return when the server answers at all; raise with its log when it ends or takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except urllib.error.HTTPError:
            return  # a refusal is an answer: the server is up
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"The server did not start. Its log says:\n{Path(log).read_text()[-3000:]}")


def service(port, log, environ=None, options=()):
    """Serve the search page; yield the process as soon as it answers at all, ready or not."""
    command = ["search_app", f"--port={port}", *options]
    return serving(command, port, "/healthz", log, environ)


@contextlib.contextmanager
def jupyter(folder, log, environ=None, options=(RAISED,)):
    """Serve `folder` with JupyterLab and yield its address.

    There is no token, because it is on loopback for a minute.
    """
    port = free_port()
    command = [
        "jupyterlab", str(folder), "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}", "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True",
        "--ServerApp.port_retries=0", *options,
    ]  # fmt: skip
    own = {
        "JUPYTERLAB_SETTINGS_DIR": str(_quiet(folder)),  # so that no theme reaches the user's
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
    }
    with serving(command, port, "/api", log, own | (environ or {})):
        yield f"http://127.0.0.1:{port}"


def _quiet(folder):
    """Return a folder of JupyterLab settings that keep it from asking about news."""
    name = Path("settings") / "@jupyterlab" / "apputils-extension"
    (folder / name).mkdir(parents=True, exist_ok=True)
    settings = json.dumps({"fetchNews": "false", "checkForUpdates": False})
    (folder / name / "notification.jupyterlab-settings").write_text(settings)
    return folder / "settings"


def notebook(path, *cells):
    """Write a notebook of code `cells` to `path` and return it."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(book, path)
    return path


def kill_kernel(kernel):
    """Kill the process of the kernel with this id, a child of a server that `serving` started."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(kernel in part for part in process.cmdline()):
                return process.kill()
    raise RuntimeError(f"No process of ours runs the kernel {kernel}.")


@contextlib.contextmanager
def browser():
    """Start Chromium with a fresh profile; yield its context, from which `visit` opens pages."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium(), headless=True, args=FLAGS
        )
        context.set_default_timeout(LIMIT_MS)
        try:
            yield context
        finally:
            context.close()


def visit(context, address, width=1280, height=900):
    """Open `address` in a page of its own; its script errors are kept in `.errors`."""
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(address, wait_until="commit")
    return page


def shoot(page, name, **options):
    """Save a screenshot under build/screens, to be looked at; it is never committed."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}.png", **options)
