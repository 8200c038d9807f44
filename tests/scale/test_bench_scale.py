"""bench/scale.py says what it needs, refuses what doesn't fit, resumes, and adds up."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest

from helpers.settings import ROOT


class NoSource:
    """No vectors at all."""

    def spreads(self):
        return {}


@pytest.fixture(name="bench")
def bench_module(tmp_path, monkeypatch):
    """The bench as a module whose files are in the test's own folder."""
    spec = importlib.util.spec_from_file_location("bench_scale", ROOT / "bench" / "scale.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    monkeypatch.setattr(module, "FILE", tmp_path / "scale.json")
    monkeypatch.setattr(module, "SAVED", tmp_path / "measured.json")
    monkeypatch.setattr(module, "README", tmp_path / "README.md")
    return module


SPREAD = ("directions", "first_ten", "nearest", "dimension")
NUMBERS = (
    "load_rows_per_s", "index_s", "memory_mb", "peak_mb", "load_peak_mb", "empty_mb",
    "disk_rows_mb", "disk_index_mb", "disk_all_mb", "p50_ms", "p99_ms", "recall", "filtered_p50_ms",
    "filtered_p99_ms", "filtered_recall", "client_cpu_ms", "per_second",
)  # fmt: skip


def point(rows, dim=64, index="HNSW"):
    """Return a point of which everything grows in proportion to the rows."""
    return {
        "rows": rows, "dim": dim, "index": index, **dict.fromkeys(NUMBERS, rows / 3),
        "parameters": {}, "search": {"ef": 256},
        "clients": [{"clients": 1, "per_second": 2 / 3}], "machine": "M", "date": "D", "load": 0.1,
        "versions": {"milvus": "2", "pymilvus": "3", "python": "4"},
    }  # fmt: skip


def test_a_size_that_does_not_fit_is_refused_at_once_in_a_sentence(tmp_path):
    done = subprocess.run(
        [sys.executable, "bench/scale.py", "--rows", "100000000000"], cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "Traceback" not in done.stdout + done.stderr
    told = done.stdout.splitlines()
    assert re.fullmatch(
        r"100,000,000,000 vectors need up to [\d.]+ GB of memory, [\d.]+ GB of disk and about \d+ "
        r"minutes\.", told[0]
    )  # fmt: skip
    assert re.fullmatch(r"Only [\d.]+ GB of memory are free, so .* not measured here\. .*", told[1])
    assert not list(tmp_path.iterdir())  # no server was started


def test_smaller_sizes_are_still_measured(bench, monkeypatch):
    done = []
    monkeypatch.setattr(bench, "Source", NoSource)
    monkeypatch.setattr(bench, "serving", nullcontext)
    monkeypatch.setattr(bench, "measure", lambda *a: done.append((a[2], a[3])))
    monkeypatch.setattr(bench, "free_memory", lambda: 16e9)
    monkeypatch.setattr(bench, "free_disk", lambda: 100e9)
    assert bench.main(["--rows", "10000", "100000000", "100000"]) == bench.REFUSED
    assert done == [(10_000, 512), (10_000, 64), (100_000, 512), (100_000, 64)]


@pytest.mark.parametrize("what", ["memory", "disk"])
def test_both_memory_and_disk_are_looked_at(bench, monkeypatch, capsys, what):
    free = {"memory": 1e15, "disk": 1e15, what: 1e6}
    monkeypatch.setattr(bench, "free_memory", lambda: free["memory"])
    monkeypatch.setattr(bench, "free_disk", lambda: free["disk"])
    assert not bench.fits(10_000)
    assert f"Only 0.0 GB of {what} are free" in capsys.readouterr().out


def test_what_a_size_needs_grows_with_it_and_a_million_fits_a_machine_of_24_gb(bench):
    needs = [np.array(bench.needs(rows)) for rows in bench.SIZES]
    assert (needs[0] < needs[1]).all()
    assert (needs[1] < needs[2]).all()
    assert needs[2][0] < 20e9
    assert needs[2][2] < 60


def test_every_point_is_kept_at_once_and_points_of_other_sizes_stay(bench):
    bench.keep({}, point(10_000))
    bench.keep({}, point(100_000))
    bench.keep({"diskann": "hung"}, point(10_000) | {"recall": 0.5})
    kept = json.loads(bench.FILE.read_text())
    assert [one["rows"] for one in kept["points"]] == [10_000, 100_000]
    assert kept["points"][0]["recall"] == 0.5
    assert kept["diskann"] == "hung"


def test_resuming_measures_only_what_is_missing(bench, monkeypatch):
    asked = []
    monkeypatch.setattr(bench, "Source", NoSource)
    monkeypatch.setattr(bench, "serving", nullcontext)
    monkeypatch.setattr(bench, "measure", lambda *a: asked.append((a[2], a[3], a[4])))
    for index in ("HNSW", "EXACT"):
        bench.keep({}, point(10_000, 64, index))
    assert bench.main(["--rows", "10000", "--resume"]) == 0
    assert asked == [(10_000, 512, ["IVF_SQ8", "HNSW", "EXACT"]), (10_000, 64, ["IVF_SQ8"])]
    asked.clear()
    assert bench.main(["--rows", "10000"]) == 0
    assert [types for *_, types in asked] == [["IVF_SQ8", "HNSW", "EXACT"]] * 2


def test_a_million_rows_are_not_compared_exactly(bench):
    assert bench.types_for(100_000) == ("IVF_SQ8", "HNSW", "EXACT")
    assert bench.types_for(1_000_000) == ("IVF_SQ8", "HNSW")


def test_without_a_server_it_says_how_to_get_one(bench, monkeypatch, capsys):
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    assert bench.main(["--rows", "10000"]) == 1
    assert "pip install milvus==2.3.5" in capsys.readouterr().err


def test_an_interruption_says_that_finished_points_are_kept(bench, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench, "measured", interrupt)
    assert bench.main(["--rows", "10000"]) == 130
    assert "go on with --resume" in capsys.readouterr().err


def test_a_failing_server_is_told_in_a_sentence(bench):
    from pymilvus.exceptions import MilvusException

    with (
        pytest.raises(bench.BenchError, match=r"run this again with --resume"),
        bench.told_plainly(),
    ):
        raise MilvusException(1, "service not ready")


def test_the_exponent_is_the_slope_between_logarithms(bench):
    points = [{"rows": rows, "x": 3 * rows**0.5, "y": rows} for rows in bench.SIZES]
    assert bench.exponent(points, "x") == pytest.approx(0.5)
    assert bench.exponent(points, "y") == pytest.approx(1)


def test_the_nearest_are_those_of_one_matrix_product(bench):
    random = np.random.default_rng(0)
    vectors = random.standard_normal((1000, 16), dtype=np.float32)
    queries = random.standard_normal((7, 16), dtype=np.float32)
    found = bench.Nearest(queries)
    for start in range(0, 1000, 300):
        part = vectors[start : start + 300]
        found.add(np.array([str(n) for n in range(start, start + len(part))]), part)
    wanted = np.argsort(-(queries @ vectors.T), axis=1)[:, : bench.K]
    assert found.ids.tolist() == wanted.astype(str).tolist()


def test_fewer_rows_than_asked_for_leave_gaps_and_no_ghosts(bench):
    found = bench.Nearest(np.eye(3, dtype=np.float32))
    found.add(np.array(["a", "b"]), np.ones((2, 3), np.float32))
    found.add(np.array([], str), np.empty((0, 3), np.float32))
    assert [[name for name in row if name] for row in found.ids] == [["a", "b"]] * 3


def test_a_segment_has_as_many_cells_as_suit_it(bench):
    assert bench.segment_rows(10_000, 512) == 10_000
    assert bench.segment_rows(10**6, 512) == pytest.approx(512e6 / 2148, rel=0.01)


def test_what_is_saved_is_what_was_measured_without_trials(bench):
    for rows in (2000, 10_000, 100_000):  # 2,000 is what --quick measures
        bench.keep({"spreads": {"real 64": dict.fromkeys(SPREAD, 1.23456)}}, point(rows))
    bench.README.write_text(f"above\n{bench.BEGIN}\nold\n{bench.END}\nbelow\n")
    assert bench.main(["--rows", "--save", "--readme"]) == 0
    saved = json.loads(bench.SAVED.read_text())
    assert [one["rows"] for one in saved["points"]] == [10_000, 100_000]
    assert saved["points"][0]["clients"] == {"1": 0.6667}
    assert saved["spreads"]["real 64"]["nearest"] == 1.235
    assert "| 100,000 × 64 | HNSW |" in bench.README.read_text()
    assert "2,000 × 64" not in bench.README.read_text()
    assert saved["where"] == ["M; Milvus 2, pymilvus 3, Python 4; D"]


def test_the_readme_gets_its_tables_between_the_marks_only(bench):
    bench.README.write_text(f"above\n{bench.BEGIN}\nold\n{bench.END}\nbelow\n")
    bench.write_readme("| new |")
    assert bench.README.read_text() == f"above\n{bench.BEGIN}\n| new |\n{bench.END}\nbelow\n"
    bench.README.write_text("no marks")
    with pytest.raises(bench.BenchError, match="no place"):
        bench.write_readme("| new |")


def test_the_readme_shows_the_measured_points(bench):
    saved = json.loads((ROOT / "helpers" / "scale" / "measured.json").read_text())
    assert bench.section(saved) in (ROOT / "bench" / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.usefixtures("there")  # which drops what is left on the server
def test_a_small_collection_is_measured_on_a_real_server(bench, server, monkeypatch):
    from helpers.features import Vectors

    class Running(bench.Measured):
        """The tests' server, which nobody restarts."""

        def __init__(self):
            self.server, self.token, self.folder = server, server.token, server.folder
            self._there()

        def restart(self, name, rows):
            client = self.client()
            client.load_collection(name)
            assert client.query(name, filter="", output_fields=["count(*)"])[0]["count(*)"] == rows

    random = np.random.default_rng(0)
    real = random.random((80, 512), dtype=np.float32) ** 3
    real /= np.linalg.norm(real, axis=1, keepdims=True)
    labels = [("person", "train") if n % 20 == 0 else ("cat",) for n in range(80)]
    vectors = Vectors([str(n) for n in range(80)], real, "vgg16-conv5-gem-224")
    monkeypatch.setattr(bench, "real", lambda: (vectors, labels))
    monkeypatch.setattr(bench, "QUERIES", 20)
    monkeypatch.setattr(bench, "CLIENTS", (1, 2))
    monkeypatch.setattr(bench, "try_diskann", lambda server: "not tried")
    clock = bench.Clock(3000, {64: ["HNSW", "EXACT"]})
    bench.measure(Running(), bench.Source(), 3000, 64, ["HNSW", "EXACT"], 0.5, clock)
    found = {one["index"]: one for one in json.loads(bench.FILE.read_text())["points"]}
    hnsw, exact = found["HNSW"], found["EXACT"]
    assert exact["recall"] == exact["filtered_recall"] == 1
    assert hnsw["recall"] > 0.9
    assert exact["disk_rows_mb"] > 3000 * 64 * 4 / 1e6
    assert 0.3 < hnsw["disk_index_mb"] / (3000 * (64 * 4 + 132) / 1e6) < 2
    assert all(load["errors"] == {} and load["requests"] for load in hnsw["clients"])
