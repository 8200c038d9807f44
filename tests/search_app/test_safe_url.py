"""Addresses: public pictures are fetched, the network behind the page is not."""

import ipaddress
import socket
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from search_app import safe_url
from search_app.safe_url import UrlError, fetch, is_public


class Answers(BaseHTTPRequestHandler):
    """A picture server with the habits of bad ones."""

    def do_GET(self):
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path[4:])
            self.end_headers()
        elif self.path in ("/picture", "/big"):
            self._send(b"x" * (100 if self.path == "/picture" else 5000))
        elif self.path == "/umlaut":
            self.send_response(302)
            self.wfile.flush()
            self._headers_buffer.append("Location: /ä/ü.jpg\r\n".encode())  # as many servers do
            self.end_headers()
        elif self.path in {"/%C3%A4/%C3%BC.jpg", "/%C3%A4.jpg?q=%C3%B6%20x"}:
            self._send(b"umlaut")
        elif self.path == "/drip":
            self.send_response(200)
            self.end_headers()
            self._drip(b"x")
        elif self.path == "/drip-header":
            self._drip(b"H")
        else:
            self.send_error(404)

    def _send(self, body):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self, byte):
        """One byte at a time for ever, each well within any time-out for a single read."""
        with suppress(OSError):
            while True:
                self.wfile.write(byte)
                self.wfile.flush()
                time.sleep(0.1)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def only_this_one(address):
    """Public addresses cannot be reached from a test, so one loopback address stands for them."""
    return address == ipaddress.ip_address("127.0.0.1")


def test_a_picture_is_fetched_and_a_redirect_followed(server):
    assert fetch(f"{server}/picture", may_reach=only_this_one) == b"x" * 100
    assert fetch(f"{server}/to//picture", may_reach=only_this_one) == b"x" * 100


def test_loopback_is_refused_by_default(server):
    with pytest.raises(UrlError, match="isn't a public host"):
        fetch(f"{server}/picture")


def test_a_redirect_to_another_place_is_judged_again(server):
    with pytest.raises(UrlError, match="isn't a public host"):
        fetch(f"{server}/to/http://127.0.0.2/picture", may_reach=only_this_one)
    with pytest.raises(UrlError, match="plain http and https"):
        fetch(f"{server}/to/file:///etc/passwd", may_reach=only_this_one)
    with pytest.raises(UrlError, match="redirects too often"):
        fetch(f"{server}/to//to//to//to//picture", may_reach=only_this_one)


def test_size_and_status_have_limits(server):
    with pytest.raises(UrlError, match="larger than"):
        fetch(f"{server}/big", max_bytes=4000, may_reach=only_this_one)
    with pytest.raises(UrlError, match="answered 404"):
        fetch(f"{server}/nothing", may_reach=only_this_one)


@pytest.mark.parametrize("path", ["/drip", "/drip-header"])
def test_a_server_that_drips_is_left_in_time(server, path):
    with pytest.raises(UrlError):  # the server itself would never end it
        fetch(server + path, max_seconds=1, may_reach=only_this_one)


@pytest.mark.parametrize("path", ["/ä.jpg?q=ö x", "/%C3%A4.jpg?q=%C3%B6%20x", "/umlaut"])
def test_letters_beyond_ascii_are_fetched(server, path):
    assert fetch(server + path, may_reach=only_this_one) == b"umlaut"


def test_a_host_with_an_umlaut_is_asked_for_by_its_ascii_name(monkeypatch):
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: asked.append(host) or [])
    with pytest.raises(UrlError, match="isn't a public host"):
        fetch("https://bücher.example/ä.jpg", max_seconds=2)
    assert asked == ["xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org/a.jpg", "file:///etc/passwd", "http://", "http://me@example.org/",
     "http://[::1", "http://example.org:99999/", "gopher://x/", "data:image/png;base64,AA",
     "http://ä..b/", f"http://{'a' * 300}.org/", "http://example.org/\ud800.jpg", "https://\udcff/"],
)  # fmt: skip
def test_other_addresses_are_refused_before_anything_is_sent(url):
    with pytest.raises(UrlError):
        fetch(url)


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.1", "2130706433", "0.0.0.0", "10.0.0.1", "192.168.1.1",
     "172.16.0.1", "169.254.169.254", "100.64.0.1", "[::1]", "[fe80::1]", "[fc00::1]",
     "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1", "[fec0::1]",
     "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b:1::7f00:1]", "[64:ff9b::808:808]",
     "[2001::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]", "[100::1]", "[ff0e::1]", "[::]",
     "192.0.0.9", "192.88.99.1", "198.18.0.1", "240.0.0.1", "255.255.255.255", "168.63.129.16"],
)  # fmt: skip
def test_private_hosts_are_refused(host):
    with pytest.raises(UrlError, match="isn't a public host"):
        fetch(f"http://{host}/", max_seconds=2)


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    found = [(None, None, None, "", (address, 80)) for address in ("8.8.8.8", "127.0.0.1")]
    for order in (found, found[::-1]):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, order=order, **__: order)
        with pytest.raises(UrlError, match="isn't a public host"):
            fetch("http://example.org/a.jpg", max_seconds=2)


PUBLIC = ("8.8.8.8", "2600::1", "2001:4860:4860::8888", "2a00:1450:4001::1")


def test_public_addresses_are_public():
    assert all(is_public(ipaddress.ip_address(text)) for text in PUBLIC)
    assert safe_url.MAX_BYTES == 20_000_000
    assert safe_url.MAX_SECONDS == 10
