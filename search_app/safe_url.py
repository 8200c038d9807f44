"""Fetching a picture by its address without opening a door into the network behind the page.

Every name is resolved once, all of its addresses must be public, and the connection goes to one of
them, so that the name can't answer differently the second time (DNS rebinding). This follows the
OWASP cheat sheet on server-side request forgery.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from contextlib import suppress
from urllib.parse import quote, urljoin, urlsplit

from helpers.errors import PlainError

MAX_BYTES = 20_000_000
MAX_SECONDS = 10
MAX_REDIRECTS = 3
PORTS = {"http": 80, "https": 443}
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # all that is routed; no IPv4 inside IPv6, …
SPECIAL = (  # … but for these, which Python's `is_global` lets through in part; the last is Azure's
    "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 192.0.0.0/24 192.31.196.0/24 "
    "192.52.193.0/24 192.88.99.0/24 192.175.48.0/24 168.63.129.16/32"
)
SPECIAL = [ipaddress.ip_network(text) for text in SPECIAL.split()]
URL_SAFE = "%/:=&?~#+!$,;'@()*[]"  # what percent-encoding leaves alone


class UrlError(PlainError, ValueError):
    """An address that isn't fetched; the text says why and what to do instead."""


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return whether `address` is on the public internet, and no IPv4 address wrapped in IPv6.

    What isn't: loopback, private, link-local, site-local, multicast, translated and tunnelled
    addresses, and those kept for documentation and protocols.
    """
    if address.version == 6 and address not in GLOBAL_UNICAST:
        return False
    special = any(address in network for network in SPECIAL if network.version == address.version)
    return address.is_global and not address.is_multicast and not special


def fetch(url: str, max_bytes=MAX_BYTES, max_seconds=MAX_SECONDS, may_reach=is_public) -> bytes:
    """Return the bytes behind an http or https `url`, following redirects.

    `may_reach(address)` decides where a connection may go, redirects included. Raises UrlError for
    other schemes, for hosts out of reach, for more than `max_bytes` or `max_seconds`, and for
    whatever the server or the network answers instead of a file.
    """
    deadline = time.monotonic() + max_seconds
    for _ in range(MAX_REDIRECTS + 1):
        status, location, body = _get(url, deadline, max_bytes, may_reach)
        if len(body) > max_bytes:
            raise UrlError(f"The file is larger than {max_bytes // 10**6} MB. Use a smaller copy.")
        if time.monotonic() > deadline:  # a call that was hung up on looks like the file's end
            raise UrlError("The server is too slow. Save the picture and upload it instead.")
        if status == 200:
            return body
        if status not in (301, 302, 303, 307, 308) or not location:
            raise UrlError(f"The server answered {status}. Check the address in a browser tab.")
        url = urljoin(url, _utf8(location))
    raise UrlError("The address redirects too often. Enter the picture's own address.")


def _checked_address(host, port, may_reach):
    """Return one address of `host`, after making sure that all of them may be reached."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UrlError(f"The host “{host}” wasn't found. Check the spelling.") from error
    addresses = [ipaddress.ip_address(entry[4][0].split("%")[0]) for entry in found]
    if not addresses or not all(may_reach(address) for address in addresses):
        raise UrlError(f"“{host}” isn't a public host. Save the picture and upload it instead.")
    return str(addresses[0])


def _get(url, deadline, max_bytes, may_reach):
    """Ask for one address; return (status, Location header, body of a 200)."""
    scheme, host, port, target = _parts(url)
    try:
        connection = _connect(scheme, host, port, deadline, may_reach)
        # A server may send one byte a second for ever; the alarm ends that wherever it hangs.
        left = deadline - time.monotonic()
        alarm = threading.Timer(left, connection.sock.shutdown, [socket.SHUT_RDWR])
        alarm.start()
        try:
            connection.request("GET", target, headers={"User-Agent": "reverse-image-search"})
            answer = connection.getresponse()
            body = answer.read(max_bytes + 1) if answer.status == 200 else b""
            return answer.status, answer.getheader("Location"), body
        finally:
            alarm.cancel()
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise UrlError(f"The picture couldn't be fetched ({error}). Upload it instead.") from error


def _parts(url):
    """Split `url` into scheme, host, port and target; raises UrlError for any other kind."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or PORTS.get(parts.scheme)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = quote(target, safe=URL_SAFE)
    except ValueError as error:  # UnicodeError, from a name that can't be one, is a ValueError, too
        raise UrlError("The address isn't valid. Check its spelling.") from error
    if parts.scheme not in PORTS or not host or parts.username:
        raise UrlError("Only plain http and https addresses work. Upload the file instead.")
    return parts.scheme, host, port, target


def _utf8(header):
    """Return a header as the UTF-8 that servers mean; http.client reads it as Latin-1."""
    with suppress(UnicodeError):
        return header.encode("latin-1").decode("utf-8")
    return header


def _connect(scheme, host, port, deadline, may_reach):
    """Return a connection to the checked address that still speaks to `host` by name."""
    seconds = max(0.1, deadline - time.monotonic())
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    address = _checked_address(host, port, may_reach)
    connection.sock = socket.create_connection((address, port), seconds)
    if scheme == "https":
        context = ssl.create_default_context()
        connection.sock = context.wrap_socket(connection.sock, server_hostname=host)
    return connection
