"""Downloads against a real server with real faults: right in the end, or refused in plain words."""

import hashlib
import itertools
import os
import random
import shutil
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from faulty_server import (
    Server,
    change,
    drip,
    drop,
    firewall,
    hold,
    honest,
    ignore_if_range,
    ignore_range,
    no_length,
    other_part,
    other_size,
    plain,
    redirect,
    stall,
    status,
    wrong_content,
)

from helpers.fetch import download
from helpers.fetch.download import DownloadError, Part, fetch
from helpers.settings import from_environment

CONTENT = random.Random(1).randbytes(1_000_000)
OTHER = random.Random(2).randbytes(1_000_000)
SHA1 = hashlib.sha1(CONTENT).hexdigest()
QUICK = replace(from_environment({}), timeout=0.4)


def get(urls, path, settings=QUICK):
    """Fetch CONTENT, which size and digest describe, into `path`."""
    return fetch(Part(path, urls, settings, len(CONTENT), [("sha1", SHA1)]), progress=False)


def get_unknown(urls, path, size=None):
    """Fetch into `path` a file without a digest."""
    return fetch(Part(path, urls, QUICK, size), progress=False)


def nothing_left(folder):
    """Return True when neither a finished file nor part of a wrong one is in `folder`."""
    return not any(path.suffix != ".json" for path in folder.glob("[!.]*"))


OVERCOME = {
    "honest": [honest],
    "drops after k bytes": [drop(300_000)],
    "drops after few bytes, often": [drop(100_000)] * 9,
    "drops at once, twice": [drop(0), drop(0)],
    "ignores Range": [drop(300_000), ignore_range],
    "short body, full length": [drop(999_999)],
    "500 twice, then works": [status(500), status(500)],
    "503 with a page, once": [status(503, b"<html>", "text/html")],
    "stalls": [stall(300_000)],
    "does not tell the length": [no_length],
    "file changed to the right one": [
        change(OTHER, drop(300_000)),
        change(CONTENT, ignore_if_range),
    ],
}


@pytest.mark.parametrize("faults", OVERCOME.values(), ids=OVERCOME)
def test_a_fault_that_passes_is_overcome(tmp_path, faults):
    with Server(CONTENT, faults) as server:
        path = get([server.url], tmp_path / "a.tar")
    assert path.read_bytes() == CONTENT
    assert {p.name for p in tmp_path.glob("[!.]*")} == {"a.tar", "a.tar.json"}


REFUSED = {
    "404": (status(404), "404 Not Found"),
    "403 with a firewall's page": (firewall(403), "403 Forbidden, with a web page"),
    "200 with a firewall's page": (firewall(200), "web page instead of the file"),
    "500 forever": (status(500), "500 Internal Server Error"),
    "stalls forever": (stall(0), "silent for 0.4 seconds"),
    "drops forever": (drop(0), "connection"),
    "right size, wrong content": (wrong_content, "not the right ones (sha1 differs)"),
    "longer than the file": (other_size(1_000_001), "1,000,001 bytes instead of 1,000,000"),
    "shorter than the file": (other_size(10), "10 bytes instead of 1,000,000"),
    "redirects in a circle": (redirect("/archive.tar"), "only redirects"),
}


@pytest.mark.parametrize(("fault", "told"), REFUSED.values(), ids=REFUSED)
def test_a_fault_that_stays_is_reported_and_leaves_nothing_wrong(tmp_path, fault, told):
    with (
        Server(CONTENT, itertools.repeat(fault)) as server,
        pytest.raises(DownloadError) as caught,
    ):
        get([server.url], tmp_path / "a.tar")
    assert server.url in str(caught.value)
    assert told in str(caught.value)
    assert not (tmp_path / "a.tar").exists()


def test_a_server_that_closes_short_without_an_end_is_refused(tmp_path):
    """It ends neatly, has no length to compare, and lacks half: only the known size tells."""
    half = itertools.repeat(lambda handler: no_length(handler, cut=500_000))
    with Server(CONTENT, half) as server, pytest.raises(DownloadError, match="500,000 bytes"):
        get([server.url], tmp_path / "a.tar")
    assert nothing_left(tmp_path)


def test_it_asks_only_for_what_is_missing(tmp_path):
    with Server(CONTENT, [drop(300_000)]) as server:
        get([server.url], tmp_path / "a.tar")
    first, second = server.requests
    assert "Range" not in first
    assert 290_000 <= int(second["Range"].removeprefix("bytes=").rstrip("-")) <= 300_000
    assert second["If-Range"] == '"first"'


def test_the_next_call_goes_on_where_the_last_one_gave_up(tmp_path):
    with Server(CONTENT, [drop(300_000), status(404)]) as server:
        with pytest.raises(DownloadError):
            get([server.url], tmp_path / "a.tar")
        have = (tmp_path / "a.tar.part").stat().st_size
        assert have > 200_000
        assert not (tmp_path / "a.tar").exists()
        get([server.url], tmp_path / "a.tar")
        assert server.requests[-1]["Range"] == f"bytes={have}-"
    assert (tmp_path / "a.tar").read_bytes() == CONTENT


@pytest.mark.parametrize("then", [honest, ignore_if_range, ignore_range, other_part])
def test_a_file_that_changed_midway_is_never_spliced(tmp_path, then):
    """Without size or digest only the server's own words tell; the new file must come whole."""
    with Server(CONTENT, [drop(300_000), change(OTHER, then)]) as server:
        try:
            path = get_unknown([server.url], tmp_path / "a.tar")
        except DownloadError:
            path = get_unknown([server.url], tmp_path / "a.tar")
    assert path.read_bytes() == OTHER


def test_without_version_and_digest_nothing_is_added_unseen(tmp_path):
    """A file changed midway, and neither server nor digest could tell."""
    faults = [lambda h: plain(h, 300_000), change(OTHER, plain), plain]
    with Server(CONTENT, faults) as server:
        path = get_unknown([server.url], tmp_path / "a.tar")
        assert not any("Range" in request for request in server.requests)
    assert path.read_bytes() == OTHER


def test_a_part_that_was_not_asked_for_is_not_appended(tmp_path):
    with Server(CONTENT, [drop(300_000), other_part]) as server:
        with pytest.raises(DownloadError, match="a different part of the file"):
            get_unknown([server.url], tmp_path / "a.tar")
        assert get_unknown([server.url], tmp_path / "a.tar").read_bytes() == CONTENT


def test_a_part_of_another_mirrors_wrong_file_does_not_spoil_the_right_one(tmp_path):
    with (
        Server(OTHER, [drop(300_000), status(404)]) as bad,
        Server(CONTENT) as good,
    ):
        path = get([bad.url, good.url], tmp_path / "a.tar")
    assert path.read_bytes() == CONTENT


def test_mirrors_are_tried_in_order_and_all_are_reported(tmp_path):
    faults = [[status(404)], [firewall(403)], [wrong_content], [status(410)]]
    servers = [Server(CONTENT, f) for f in faults]
    with servers[0], servers[1], servers[2], servers[3]:
        with pytest.raises(DownloadError) as caught:
            get([s.url for s in servers], tmp_path / "a.tar")
        text = str(caught.value)
        places = [text.index(s.url) for s in servers]
        assert places == sorted(places)
        assert "run this again" in text
        assert get([s.url for s in servers], tmp_path / "a.tar").read_bytes() == CONTENT
        assert [len(s.requests) for s in servers] == [2, 1, 1, 1]


def test_a_redirect_is_followed_and_its_target_can_be_resumed(tmp_path):
    with Server(CONTENT, [drop(300_000)]) as far:
        with Server(b"", itertools.repeat(redirect(far.url))) as near:
            path = get([near.url], tmp_path / "a.tar")
        assert "Range" in far.requests[1]
    assert path.read_bytes() == CONTENT


def test_what_is_here_is_not_asked_for_again(tmp_path):
    with Server(CONTENT) as server:
        get([server.url], tmp_path / "a.tar")
        get([server.url], tmp_path / "a.tar")
        assert len(server.requests) == 1


@pytest.mark.parametrize("have", [0, 1, 65_536, 999_999, 1_000_000, 1_000_001])
def test_it_resumes_at_any_byte(tmp_path, have):
    """A part without its note, as a power cut may leave it, up to one byte too many."""
    (tmp_path / "a.tar.part").write_bytes((CONTENT + b"x")[:have])
    with Server(CONTENT) as server:
        assert get([server.url], tmp_path / "a.tar").read_bytes() == CONTENT


def test_a_wrong_file_in_pieces_is_fetched_twice_and_no_more(tmp_path):
    with Server(OTHER, [drop(300_000), honest] * 20) as server:
        with pytest.raises(DownloadError, match="sha1 differs"):
            get([server.url], tmp_path / "a.tar")
        assert len(server.requests) == 4


def test_a_damaged_part_is_thrown_away_and_fetched_again(tmp_path):
    (tmp_path / "a.tar.part").write_bytes(bytes(400_000))
    (tmp_path / "a.tar.json").write_text("{half a no")
    with Server(CONTENT) as server:
        assert get([server.url], tmp_path / "a.tar").read_bytes() == CONTENT
        assert len(server.requests) == 2


def test_offline_opens_no_connection(tmp_path):
    with Server(CONTENT) as server:
        with pytest.raises(DownloadError, match="BOOTCAMP_OFFLINE=1"):
            get([server.url], tmp_path / "a.tar", replace(QUICK, offline=True))
        assert server.requests == []


def test_a_name_that_nobody_knows_costs_little_and_is_reported(tmp_path):
    with pytest.raises(DownloadError, match="its name is unknown here"):
        get(["http://no-such-host.invalid/a.tar"], tmp_path / "a.tar")


def test_a_refused_connection_and_a_bad_address_are_reported(tmp_path):
    with Server(b"") as server:
        closed = server.url
    with pytest.raises(DownloadError) as caught:
        get([closed, "no address"], tmp_path / "a.tar")
    assert "refused the connection" in str(caught.value)
    assert "isn't a web address" in str(caught.value)


def test_the_disk_is_checked_before_the_first_byte(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    with Server(CONTENT) as server:
        with pytest.raises(DownloadError, match="BOOTCAMP_DATA to a folder on a larger disk"):
            get_unknown([server.url], tmp_path / "a.tar", free + 1)
        assert server.requests == []


def test_the_bar_tells_bytes_rate_and_time_left(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(download, "tqdm", lambda **kw: _plain_bar(**{**kw, "delay": 0}))
    with Server(CONTENT) as server:
        fetch(Part(tmp_path / "a.tar", [server.url], QUICK, len(CONTENT)))
    shown = capsys.readouterr().err
    assert "a.tar" in shown
    assert "1.00M/1.00M" in shown
    assert "B/s" in shown
    assert "<" in shown


def _plain_bar(**kw):
    from tqdm import tqdm

    return tqdm(**kw)


def test_the_kit_gives_a_file_only_as_it_was_packed(tmp_path):
    (tmp_path / "voc").mkdir()
    (tmp_path / "voc" / "a.tar").write_bytes(CONTENT)
    sums = hashlib.sha256(CONTENT).hexdigest() + "  voc/a.tar\n"
    (tmp_path / "SHA256SUMS").write_text(sums)
    assert download.kit_file(tmp_path, "voc/a.tar", progress=False) == tmp_path / "voc" / "a.tar"
    os.truncate(tmp_path / "voc" / "a.tar", 999_999)
    with pytest.raises(download.KitError, match="is damaged"):
        download.kit_file(tmp_path, "voc/a.tar", progress=False)
    with pytest.raises(download.KitError, match=r"has no voc/b\.tar"):
        download.kit_file(tmp_path, "voc/b.tar", progress=False)


# --- verified once -----------------------------------------------------------------------------


def test_a_file_of_the_right_size_that_nobody_verified_is_verified(tmp_path):
    (tmp_path / "a.tar").write_bytes(OTHER)
    with Server(CONTENT) as server:
        path = get([server.url], tmp_path / "a.tar")
        assert path.read_bytes() == CONTENT
    (tmp_path / "b.tar").write_bytes(OTHER)
    with pytest.raises(DownloadError, match="BOOTCAMP_OFFLINE=1"):
        get([], tmp_path / "b.tar", replace(QUICK, offline=True))


@pytest.mark.parametrize("came", ["fetched", "copied"])
def test_what_was_verified_is_remembered_until_the_file_changes(tmp_path, came):
    """Other bytes of the same size and time pass, so nobody has read them; a new time tells."""
    path = tmp_path / "a.tar"
    with Server(CONTENT) as server:
        if came == "copied":
            path.write_bytes(CONTENT)
        get([server.url], path)
    status = path.stat()
    path.write_bytes(OTHER)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    offline = replace(QUICK, offline=True)
    assert get([], path, offline) == path
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    with pytest.raises(DownloadError):
        get([], path, offline)
    path.write_bytes(CONTENT)
    assert get([], path, offline) == path


def test_another_digest_is_verified_anew(tmp_path):
    (tmp_path / "a.tar").write_bytes(CONTENT)
    get([], tmp_path / "a.tar")
    wrong = Part(tmp_path / "a.tar", [], replace(QUICK, offline=True), None, [("md5", "0" * 32)])
    with pytest.raises(DownloadError):
        fetch(wrong, progress=False)


def test_the_disk_has_the_bytes_before_they_get_their_name(tmp_path, monkeypatch):
    path, synced, sync = tmp_path / "a.tar", [], os.fsync

    def spy(number):
        synced.append((os.fstat(number).st_ino, path.exists()))
        sync(number)

    monkeypatch.setattr(os, "fsync", spy)
    with Server(CONTENT) as server:
        get([server.url], path)
    assert (path.stat().st_ino, False) in synced
    assert (tmp_path.stat().st_ino, True) in synced  # the folder, with the new name


# --- two at once, and too slow -----------------------------------------------------------------

FETCH = """
import sys
from dataclasses import replace
from pathlib import Path
from helpers.fetch.download import Part, fetch
from helpers.settings import from_environment
part = Part(Path(sys.argv[1]), [sys.argv[2]], from_environment({}), None, [("sha1", sys.argv[3])])
fetch(part)
print("done", flush=True)
"""


def start(*arguments):
    command = [sys.executable, "-u", "-c", FETCH, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_of_two_programs_one_fetches_and_the_other_waits_and_says_so(tmp_path):
    go, path = threading.Event(), tmp_path / "new folder" / "a.tar"
    with Server(CONTENT, [hold(300_000, go)]) as server:
        one = start(path, server.url, SHA1)
        while not server.requests:
            assert one.poll() is None
        two = start(path, server.url, SHA1)
        assert "Another program is fetching a.tar" in two.stdout.readline()
        go.set()
        assert one.communicate()[0] == "done\n"
        assert two.communicate()[0] == "done\n"
        assert len(server.requests) == 1
    assert (one.returncode, two.returncode) == (0, 0)
    assert path.read_bytes() == CONTENT


def test_the_one_that_waits_goes_on_when_the_other_is_killed(tmp_path):
    go, path = threading.Event(), tmp_path / "a.tar"
    with Server(CONTENT, [hold(300_000, go)]) as server:
        one = start(path, server.url, SHA1)
        part = Part(path, [server.url], QUICK)
        while part.have < 300_000:
            assert one.poll() is None
        two = start(path, server.url, SHA1)
        assert "Another program" in two.stdout.readline()
        one.kill()
        assert two.communicate()[0] == "done\n"
        go.set()
        assert server.requests[1]["Range"] == "bytes=300000-"
    one.communicate()
    assert path.read_bytes() == CONTENT


def test_a_server_that_drips_is_given_up_and_the_next_is_asked(tmp_path):
    brisk = replace(QUICK, rate_window=0.2)
    with Server(CONTENT, itertools.repeat(drip)) as one, Server(CONTENT) as two:
        with pytest.raises(DownloadError, match=r"it sent only \d+ bytes a second"):
            get([one.url], tmp_path / "a.tar", brisk)
        assert len(one.requests) == 1
        path = get([one.url, two.url], tmp_path / "a.tar", brisk)
    assert path.read_bytes() == CONTENT


def test_a_slow_server_is_waited_for_where_that_is_allowed(tmp_path):
    patient = replace(QUICK, rate_window=0.2, least_rate=1)
    content = CONTENT[:20]
    with Server(content, [drip]) as server:
        path = fetch(Part(tmp_path / "a.tar", [server.url], patient), progress=False)
        assert len(server.requests) == 1
    assert path.read_bytes() == content


# --- servers without Range ---------------------------------------------------------------------


def test_what_is_here_stays_when_a_server_sends_all_again_and_breaks_off_earlier(tmp_path):
    faults = [drop(600_000), lambda h: ignore_range(h, 300_000), status(404)]
    with Server(CONTENT, faults) as server:
        with pytest.raises(DownloadError):
            get([server.url], tmp_path / "a.tar")
        part = Part(tmp_path / "a.tar", [server.url], QUICK)
        assert part.have >= 580_000
        assert part.file.read_bytes() == CONTENT[: part.have]


def test_a_part_that_differs_from_what_a_server_without_range_sends_is_begun_again(tmp_path):
    with Server(OTHER, [drop(300_000), change(CONTENT, ignore_range), ignore_range]) as server:
        path = get_unknown([server.url], tmp_path / "a.tar")
    assert path.read_bytes() == CONTENT
