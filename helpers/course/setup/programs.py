"""Milvus and Jupyter: does the database open, and how large a picture may an upload be?"""

import json
from contextlib import suppress
from pathlib import Path

import psutil

from helpers.course.setup.check import Check, from_error
from helpers.course.setup.computer import unwritable
from helpers.index import MilvusError, connection
from helpers.settings import ROOT, Settings

CONFIG = ROOT / "jupyter_server_config.json"
RAISED = "websocket_max_message_size"


def milvus(settings: Settings) -> Check:
    """Check that Milvus answers: opened and closed at once, so that nobody has to wait for it.

    A Milvus Lite database that doesn't exist yet isn't made.
    """
    uri, lite = settings.milvus_uri, connection.is_lite(settings.milvus_uri)
    kind = "Milvus Lite" if lite else "Milvus server"
    if lite and uri.endswith(".db") and not Path(uri).exists():
        if fault := unwritable(Path(uri).parent):
            fix = "Set MILVUS_URI or BOOTCAMP_DATA to a place of your own."
            return Check("Milvus", False, fault, fix, f"{kind} not writable")
        told = "Lite; notebook 03 will make its database"
        return Check("Milvus", True, told, brief=f"{kind} free")
    try:
        connection.close(connection.connect(uri, settings.milvus_token), uri)
    except MilvusError as error:
        held = "in use by" in str(error)
        return from_error("Milvus", error, f"{kind} {'held' if held else 'wrong'}")
    told = "Lite; its database is free" if lite else "the server answers"
    return Check("Milvus", True, told, brief=f"{kind} {'free' if lite else 'answers'}")


def uploads() -> Check:
    """Say how large a picture may be that is uploaded in notebook 04, if a server started this."""
    most = json.loads(CONFIG.read_text(encoding="utf-8"))["ServerApp"]["tornado_settings"][RAISED]
    servers = [each for each in psutil.Process().parents() if _serves(each)]
    if not servers:
        told = f"no Jupyter server started this; `make lab` allows {most >> 20} MB, others 10 MB"
        return Check("uploads", None, told)
    if any(_raised(each) for each in servers):
        return Check("uploads", True, f"pictures of up to {most >> 20} MB")
    fix = "For larger ones, end Jupyter and start it with: make lab"
    return Check("uploads", None, "pictures of up to 10 MB, as Jupyter has it by itself", fix)


def _serves(process):
    """Return whether a process is a Jupyter server, by its command line."""
    with suppress(psutil.Error):
        return any("jupyter" in Path(word).name.lower() for word in process.cmdline()[:4])
    return False


def _raised(process):
    """Return whether a server was started with our configuration, or with that option itself."""
    with suppress(psutil.Error):
        return any(CONFIG.name in word or RAISED in word for word in process.cmdline())
    return False
