"""What the service answers when it can't do something: problem details (RFC 9457), never a 200."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from helpers.dataset.pictures import PictureError
from helpers.errors import PlainError
from helpers.features.runtime import FeaturesError
from helpers.features.weights import WeightsError
from helpers.index.errors import MilvusError
from search_app.batcher import Busy
from search_app.catalogue import CatalogueError
from search_app.messages import explain

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
STATUS = {
    Busy: 503,
    MilvusError: 503,
    WeightsError: 503,
    FeaturesError: 503,
    CatalogueError: 409,
    PictureError: 422,
}
"""The status of each kind of PlainError; any other is the request's own fault, 422."""


class Problem(BaseModel):
    """Problem details as in RFC 9457: `detail` says what happened and what to do about it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def answer(status: int, detail: str, retry: int = 0, **more: Any) -> JSONResponse:
    """Return a problem with `status`; after `retry` seconds, if any, another try may work."""
    title = HTTPStatus(status).phrase
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail} | more
    headers = {"Retry-After": str(retry)} if retry else {}
    return JSONResponse(content, status, headers, MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's `responses` for these statuses, each with problem details."""
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {MEDIA_TYPE: {"schema": schema}}
    return {s: {"description": HTTPStatus(s).phrase, "content": content} for s in statuses}


def add_handlers(app: FastAPI) -> None:
    """Let every error that `app` raises become problem details."""
    app.add_exception_handler(PlainError, _plain)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    document = app.openapi
    app.openapi = lambda: _with_schema(document())


def _with_schema(document):
    """Return the OpenAPI document with what `documented` refers to."""
    document["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    return document


async def _plain(request: Request, error: PlainError):
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
    retry = getattr(error, "retry_after", RETRY_SECONDS) if status == 503 else 0
    return answer(status, explain(error, request.app.state.service.roots), retry)


async def _http(request: Request, error: HTTPException):
    detail = error.detail
    if detail == HTTPStatus(error.status_code).phrase:
        detail = f"{detail}: {request.method} {request.url.path}. The routes are listed at /docs."
    found = answer(error.status_code, detail)
    found.headers.update(error.headers or {})
    if error.status_code == 405:  # Starlette names only the methods of the first route that fits
        known = request.app.openapi()["paths"].get(request.scope["route"].path)
        if known:
            found.headers["Allow"] = ", ".join(sorted(method.upper() for method in known))
    return found


async def _invalid(request: Request, error: RequestValidationError):
    """Say which part of the request is wrong, without repeating what was sent."""
    form = request.url.path.endswith("/upload")
    expected = "multipart/form-data" if form else "application/json"
    if request.headers.get("content-type", expected).split(";")[0].lower() != expected:
        return answer(415, f"This route takes {expected}. Send that, and say so in Content-Type.")
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return answer(400, "The body isn't valid JSON. Check it, then send it again.")
    said = [_said(one) for one in error.errors()[:5]]
    return answer(422, f"{'; '.join(said)}. Correct that, then send it again.")


def _said(error):
    """Return which part of a request is wrong, and how."""
    part = ".".join(map(str, error["loc"][1:])) or "body"
    return f"{part}: {error['msg'].removeprefix('Value error, ')}"
