"""Who may ask, from where, and how much, asked of the real service with raw HTTP where needed."""

import socket
import threading
import time
from urllib.parse import urlsplit

import pytest
import requests
import service_kit
from starlette.responses import PlainTextResponse
from websockets.exceptions import ConnectionClosed, InvalidStatus

from search_app.batcher import Slots
from search_app.safety import Guard, is_loopback, new_token

TOKEN = "a long secret"
ID = "0123456789abcdef" * 2


async def small(scope, receive, send):
    """An application that reads the body and says how long it is."""
    if scope["type"] == "lifespan":
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
        return
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    await PlainTextResponse(str(size))(scope, receive, send)


def guarded(**options):
    """Serve `small` behind a Guard with these options."""
    from fastapi import FastAPI

    from search_app import problems

    app = FastAPI(docs_url=None)
    problems.add_handlers(app)
    app.state.service = type("Service", (), {"roots": ()})
    app.mount("/", small)
    app.add_middleware(Guard, **options)
    return service_kit.running(app)


@pytest.fixture(scope="module")
def local():
    with guarded() as client:
        yield client


@pytest.fixture(scope="module")
def remote():
    with guarded(token=TOKEN, local=False) as client:
        yield client


def raw(client, text, body=b"", read=True):
    """Send raw HTTP; return the whole answer as text."""
    parts = urlsplit(client.address)
    with socket.create_connection((parts.hostname, parts.port), 60) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode() + b"\r\n" + body)
        answer = b""
        while read and (piece := connection.recv(65536)):
            answer += piece
            if b"}" in piece or (b"\r\n\r\n" in answer and b"application/" not in answer):
                break
        return answer.decode()


# From where


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:1", "127.0.0.1:9", "127.0.0.2", "[::1]:9", "LOCALHOST"]
)
def test_names_of_this_computer_are_served(local, host):
    assert local.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1",
        "127.1.example",
        "127.0.0.1.2",
        "a@b",
        "",
    ],
)
def test_any_other_name_is_refused(local, host):
    answer = raw(local, f"GET / HTTP/1.1\nHost: {host}\n")
    assert answer.startswith("HTTP/1.1 400")
    assert "application/problem+json" in answer


def test_a_socket_asked_for_by_another_name_or_website_is_refused(local):
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}):
        with pytest.raises(InvalidStatus) as refused:
            service_kit.Visit(local, ID, additional_headers=headers)
        assert refused.value.response.status_code == 403
    answer = raw(local, "GET /ws HTTP/1.1\nHost: evil.example\nUpgrade: websocket\n"
                 "Connection: Upgrade\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n"
                 "Sec-WebSocket-Version: 13\n")  # fmt: skip
    assert answer.startswith("HTTP/1.1 400")


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
def test_another_website_changes_nothing(local, method):
    for origin in ("http://evil.example", "null", "http://localhost:1", "http://[::1"):
        answer = local.request(method, "/", headers={"Origin": origin})
        assert answer.status_code == 403
    own = local.request(method, "/", headers={"Origin": local.address})
    assert own.status_code == 200
    assert "access-control-allow-origin" not in own.headers
    assert local.request(method, "/").status_code == 200  # curl says no origin


def test_every_answer_has_the_security_headers(local):
    for answer in (local.get("/"), local.get("/", headers={"Host": "evil.example"})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


# Who


def test_loopback_is_what_only_this_computer_reaches():
    assert all(map(is_loopback, ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org", "")))
    assert len({new_token() for _ in range(100)}) == 100
    assert len(new_token()) >= 32


def test_without_the_token_only_the_empty_page_and_the_probes_answer(remote):
    for path in ("/", "/static/page.js", "/healthz", "/readyz"):
        assert remote.get(path).status_code == 200
    for path in ("/api/collections", "/docs", "/openapi.json", "/api/none", "/static"):
        answer = remote.get(path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_the_token_comes_in_a_header(remote):
    good = {"Authorization": f"Bearer {TOKEN}"}
    assert remote.get("/api/x", headers=good).status_code == 200
    for bad in (f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer", "Bearer \xff"):
        headers = {"Authorization": bad.encode("latin-1")}
        assert remote.get("/api/x", headers=headers).status_code == 401


def test_the_link_becomes_a_cookie_and_the_token_leaves_the_address(remote):
    with requests.Session() as browser:
        first = browser.get(
            f"{remote.address}/", params={"token": TOKEN, "a": "b"}, allow_redirects=False
        )
        assert (first.status_code, first.headers["location"]) == (303, "/?a=b")
        cookie = first.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.get(f"{remote.address}/api/x").status_code == 200
    wrong = requests.get(f"{remote.address}/", params={"token": "x"}, allow_redirects=False)
    assert "set-cookie" not in wrong.headers


def test_a_socket_without_the_token_is_closed_with_4003(remote):
    with pytest.raises(ConnectionClosed) as closed:
        service_kit.Visit(remote, ID).receive()
    assert closed.value.rcvd.code == 4003
    given = requests.get(f"{remote.address}/", params={"token": TOKEN}, allow_redirects=False)
    cookie = given.headers["set-cookie"].split(";")[0]
    with pytest.raises(ConnectionClosed) as closed:
        service_kit.Visit(remote, ID, additional_headers={"Cookie": cookie}).receive()
    assert closed.value.rcvd.code == 1000  # let in


@pytest.mark.parametrize("other", ['prefs={"dark": 1}', "a/b=1", "x=[1, 2]", "path", "=; ;;="])
def test_what_other_programs_keep_in_cookies_shuts_nobody_out(remote, other):
    given = requests.get(f"{remote.address}/", params={"token": TOKEN}, allow_redirects=False)
    cookie = given.headers["set-cookie"].split(";")[0]
    for both in (f"{other}; {cookie}", f"{cookie}; {other}"):
        assert remote.get("/api/x", headers={"Cookie": both}).status_code == 200
    assert remote.get("/api/x", headers={"Cookie": other}).status_code == 401


def test_any_name_is_served_where_a_token_is_needed(remote):
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": "search.example"}
    assert remote.get("/api/x", headers=headers).status_code == 200


# How much


def chunks(total, piece=b"x" * 100_000):
    """Yield `total` bytes, so that they are sent in chunks, without a length."""
    for _ in range(total // len(piece)):
        yield piece


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(local):
    answer = raw(local, "POST / HTTP/1.1\nHost: localhost\nContent-Length: 99999999\n"
                 "Content-Type: multipart/form-data; boundary=x\n")  # fmt: skip
    assert answer.startswith("HTTP/1.1 413")
    assert "application/problem+json" in answer


def test_a_body_that_turns_out_too_large_is_refused_while_it_arrives(local):
    parts = urlsplit(local.address)
    with socket.create_connection((parts.hostname, parts.port), 60) as connection:
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(30):  # of 100 kB; there is no end
            connection.sendall(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413")


def test_a_form_may_hold_a_picture_and_json_less(local):
    for kind, size, status in (
        ("multipart/form-data; boundary=x", 19_000_000, 200),
        ("Multipart/Form-Data; boundary=x", 19_000_000, 200),
        ("multipart/form-data; boundary=x", 21_000_000, 413),
        ("application/json", 1_900_000, 200),
        ("application/json", 2_100_000, 413),
    ):
        answer = local.post("/", data=chunks(size), headers={"Content-Type": kind})
        assert answer.status_code == status


def test_a_slow_upload_ends():
    with guarded(max_seconds=0.3) as client:
        answer = raw(client, "POST / HTTP/1.1\nHost: localhost\nContent-Length: 10\n", b"x")
        assert answer.startswith("HTTP/1.1 408")
        assert client.get("/").status_code == 200


def test_uploads_at_the_same_time_are_limited():
    head = ("POST / HTTP/1.1\nHost: localhost\nContent-Length: 10\n"
            "Content-Type: multipart/form-data; boundary=x\n")  # fmt: skip
    with guarded(uploads=2) as client:
        parts = urlsplit(client.address)
        slow = [socket.create_connection((parts.hostname, parts.port)) for _ in range(2)]
        for connection in slow:
            connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\nx")
        full = service_kit.wait_until(lambda: (a := raw(client, head, b"0123456789"))
                                      .startswith("HTTP/1.1 503") and a)  # fmt: skip
        assert "retry-after" in full.lower()
        assert client.post("/", json={}).status_code == 200  # other requests aren't held up
        for connection in slow:
            connection.close()
        service_kit.wait_until(lambda: raw(client, head, b"0123456789").startswith("HTTP/1.1 200"))


def test_slots_are_free_again_after_an_error():
    slots = Slots(1, "things")

    def fail():
        with slots.one():
            return 1 / 0

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            fail()
    with slots.one():
        pass


def test_slots_never_hold_more_than_their_number():
    slots, inside, most = Slots(3, "things"), [], []
    start = threading.Barrier(20)

    def enter():
        start.wait()
        for _ in range(50):
            try:
                with slots.one():
                    inside.append(1)
                    most.append(len(inside))
                    time.sleep(0)
                    inside.pop()
            except Exception as error:
                assert type(error).__name__ == "Busy"  # noqa: PT017

    threads = [threading.Thread(target=enter) for _ in range(20)]
    for each in (*threads,):
        each.start()
    for each in threads:
        each.join()
    assert max(most) <= 3
