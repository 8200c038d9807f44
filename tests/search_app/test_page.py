"""The page's files and its socket, spoken as the browser speaks it, against the real service."""

import json
import random
import re
import struct
import threading
from contextlib import suppress

import pytest
import service_kit
from service_kit import Visit
from websockets.exceptions import ConnectionClosed

from search_app import frames
from search_app.page import BROWSER, Visitors
from search_app.query import MessageError


def session_id():
    """Return a new session's ID, as the page makes it."""
    return f"{random.getrandbits(128):032x}"


@pytest.fixture
def visit(client):
    """A page that has just connected."""
    found = Visit(client, session_id())
    found.receive()
    yield found
    found.socket.close()


# Frames


def test_a_frame_holds_any_message_and_its_bytes():
    parts = {"a": {"b": [b"one", {"c": b""}]}, "d": "ü", "e": None}
    frame = frames.encode({"parts": parts})
    end = 4 + struct.unpack(">I", frame[:4])[0]
    header = json.loads(frame[4:end])
    assert header["parts"]["a"]["b"] == [{"$buffer": 0}, {"c": {"$buffer": 1}}]
    assert (header["buffers"], frame[end:]) == ([3, 0], b"one")


def test_a_frame_is_read_as_the_page_writes_it():
    text = json.dumps({"do": "upload", "number": 3, "buffers": [2, 3]}).encode()
    header, buffers = frames.decode(struct.pack(">I", len(text)) + text + b"abcde")
    assert header == {"do": "upload", "number": 3}
    assert [bytes(one) for one in buffers] == [b"ab", b"cde"]


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"abc", struct.pack(">I", 9) + b"{}", struct.pack(">I", 2**32 - 1) + b"{}",
        struct.pack(">I", 2) + b"[]", struct.pack(">I", 2) + b"{}more", struct.pack(">I", 1) + b"1",
        *(struct.pack(">I", len(t)) + t for t in (
            b'{"buffers": [-1]}', b'{"buffers": [-1, 1]}', b'{"buffers": [0.0]}',
            b'{"buffers": ["1"]}', b'{"buffers": 5}', b'{"buffers": [true]}',
            b'{"buffers": [1e9]}', b'{"buffers": [0,0,0,0,0,0,0,0,0,0,0]}', b"[" * 60_000,
            b"\xff\xfe",
            b'{"a":"' + b"x" * 70_000 + b'"}')),
    ],
)  # fmt: skip
def test_any_other_bytes_are_no_frame(frame):
    with pytest.raises(MessageError, match="unreadable"):
        frames.decode(frame)


# Files


@pytest.mark.weights
@pytest.mark.slow
def test_the_page_is_a_document_whose_files_are_all_here(client):
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert 'lang="en"' in page.text
    assert "viewport" in page.text
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", page.text)  # nothing inline
    names = re.findall(r'(?:href|src)="(static/[^"]+)"', page.text)
    assert len(names) >= 4
    for name in names:
        answer = client.get(f"/{name}")
        assert answer.status_code == 200
        tag = {"If-None-Match": answer.headers["etag"]}
        assert client.get(f"/{name}", headers=tag).status_code == 304
    assert client.get("/static/app.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/static/..%2f..%2fsession.py").status_code == 404


@pytest.mark.weights
@pytest.mark.slow
def test_the_page_and_the_widget_run_the_same_script(client):
    script = client.get("/static/app.js").text
    for path in BROWSER.glob("*.js"):
        assert path.read_text() in script


# The socket


@pytest.mark.weights
@pytest.mark.slow
def test_a_visitor_gets_all_parts_and_answers(visit, photo):
    assert visit.parts["facts"]["count"] >= service_kit.COUNT
    assert {"options", "folder"} <= visit.parts.keys()
    number = visit.send("upload", photo, name="a.jpg")
    results = visit.until(lambda parts: parts.get("results"))
    assert results["hits"][0]["score"] > 0.999
    assert results["hits"][0]["thumb"].startswith(b"\xff\xd8")
    visit.until(lambda _: visit.heard == number)


@pytest.mark.weights
@pytest.mark.slow
def test_messages_are_obeyed_in_their_order(visit, photo):
    visit.send("upload", photo, name="a.jpg")
    for k in range(1, 31):
        visit.send("choose", options={"k": k})
    visit.until(lambda parts: len(parts.get("results", {}).get("hits", ())) == service_kit.COUNT)
    assert visit.parts["options"]["k"] == 30
    visit.until(lambda _: visit.heard == visit.number)


@pytest.mark.weights
@pytest.mark.slow
def test_nonsense_becomes_a_sentence_and_the_socket_stays(visit, photo):
    for frame in (b"", b"\0\0\0\2{}", struct.pack(">I", 15) + b'{"do": "secret"'):
        visit.socket.send(frame)
        visit.until(lambda parts: "error" in parts.get("status", {}))
        visit.parts.clear()
    visit.send("upload", photo, name="a.jpg")
    assert visit.until(lambda parts: parts.get("results"))


@pytest.mark.weights
@pytest.mark.slow
def test_a_reload_finds_its_session(client, photo):
    name = session_id()
    first = Visit(client, name)
    first.send("upload", photo, name="mine.jpg")
    shown = first.until(lambda parts: parts.get("results"))
    first.socket.close()
    again = Visit(client, name)
    again.receive()
    assert again.parts["results"]["hits"] == shown["hits"]
    assert again.parts["query"]["name"] == "mine.jpg"
    other = Visit(client, session_id())
    other.receive()
    assert not other.parts.get("results")
    for each in (again, other):
        each.socket.close()


@pytest.mark.weights
@pytest.mark.slow
def test_a_newer_socket_takes_the_session_over(client):
    name = session_id()
    older, newer = Visit(client, name), Visit(client, name)
    newer.receive()
    assert older.drain() == 4001
    newer.send("ping")
    newer.until(lambda _: newer.heard == 1)
    newer.socket.close()


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "short", "g" * 32, "A" * 32, "0" * 33])
def test_only_an_id_of_32_hex_digits_is_a_session(client, name):
    with pytest.raises(ConnectionClosed) as closed:
        Visit(client, name).receive()
    assert closed.value.rcvd.code == 1008


@pytest.mark.weights
@pytest.mark.slow
def test_a_message_that_is_too_large_ends_the_socket_and_nothing_else(client, visit):
    large = Visit(client, session_id())
    large.receive()
    with suppress(ConnectionClosed):  # perhaps while it is still being sent
        large.send("upload", bytes(21_000_000), name="a.jpg")
    assert large.drain() in (1009, None)
    number = visit.send("ping")
    visit.until(lambda _: visit.heard == number)


@pytest.mark.weights
@pytest.mark.slow
def test_a_session_ends_when_nobody_comes_back(client, app, monkeypatch):
    monkeypatch.setattr(app.state.service, "visitors", Visitors(grace=0.1))
    name = session_id()
    first = Visit(client, name)
    first.receive()
    session = app.state.service.visitors._known[name].session
    first.socket.close()
    service_kit.wait_until(lambda: session.closed)
    assert not app.state.service.visitors._known


@pytest.mark.weights
@pytest.mark.slow
def test_visitors_are_bounded_and_who_left_makes_room(client, app, monkeypatch):
    visitors = Visitors(most=2)
    monkeypatch.setattr(app.state.service, "visitors", visitors)
    inside = [Visit(client, session_id()) for _ in range(2)]
    for each in inside:
        each.receive()
    with pytest.raises(ConnectionClosed) as closed:
        Visit(client, session_id()).receive()
    assert closed.value.rcvd.code == 1013
    inside[0].socket.close()
    service_kit.wait_until(lambda: any(one.socket is None for one in visitors._known.values()))
    late = Visit(client, session_id())
    late.receive()
    for each in (inside[1], late):
        each.socket.close()


@pytest.mark.weights
@pytest.mark.slow
def test_a_visitor_who_reads_nothing_costs_little_and_holds_up_nobody(client, app, visit, photo):
    name = session_id()
    stuck = Visit(client, name, max_queue=1)
    stuck.receive()
    visitor = app.state.service.visitors._known[name]
    big, done = bytes(1_000_000), threading.Event()

    def flood():
        for number in range(300):
            visitor.publish("large", {"picture": big, "number": number})
        done.set()

    threading.Thread(target=flood).start()
    assert done.wait(600)  # whoever publishes never waits for the visitor
    visit.send("upload", photo, name="a.jpg")
    assert visit.until(lambda parts: parts.get("results"))
    received = set()
    while 299 not in received:  # the last value arrives, and few of those before it
        stuck.receive()
        received.add(stuck.parts.get("large", {}).get("number"))
    assert len(received) < 100
    stuck.socket.close()
