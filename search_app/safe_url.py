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
from urllib.parse import urljoin, urlsplit

from helpers.errors import PlainError

MAX_BYTES = 20_000_000
MAX_SECONDS = 10
MAX_REDIRECTS = 3
PORTS = {"http": 80, "https": 443}
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address inside an IPv6 one


class UrlError(PlainError, ValueError):
    """An address that isn't fetched; the text says why and what to do instead."""


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return False for loopback, private, link-local, multicast and wrapped IPv4 addresses."""
    wrapped = any(
        getattr(address, form, None) for form in ("ipv4_mapped", "sixtofour", "teredo")
    ) or (address.version == 6 and address in NAT64)
    return address.is_global and not address.is_multicast and not wrapped


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
        url = urljoin(url, location)
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
    except ValueError as error:
        raise UrlError("The address isn't valid. Check its spelling.") from error
    if parts.scheme not in PORTS or not parts.hostname or parts.username:
        raise UrlError("Only plain http and https addresses work. Upload the file instead.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, parts.hostname, port, target.replace(" ", "%20")


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
