"""The capacity model against made-up servers that follow it, the measured one, and by hand."""

import json
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from helpers.scale import capacity as model
from helpers.scale import plans
from helpers.scale.capacity import CapacityError, Constants, against_measured, fit
from helpers.scale.plans import plan
from helpers.scale.sizing import Prices, needs, size
from helpers.settings import ROOT

BY = Constants(
    base=2e8, overhead=1.1, row_memory=500, copies=2.6, row_disk=300, compressed=0.9, call=3e-3,
    per_row=2e-8,
    per_number={"EXACT": 1e-10, "HNSW": 2e-9, "IVF_SQ8": 2e-10},
)  # fmt: skip
PLACES = list(product((10_000, 100_000, 1_000_000), (512, 64), ("EXACT", "HNSW", "IVF_SQ8")))


def point(rows, dim, index_type, by=BY):
    """Return what the bench would measure on a server that follows the model."""
    bytes_of = {"EXACT": 4 * dim + 8, "IVF_SQ8": dim + 8, "HNSW": 4 * dim + 4 * (32 + 16 / 15)}
    index = rows * bytes_of[index_type]
    found = {"rows": rows, "dim": dim, "index": index_type}
    found["memory_mb"] = (by.base + index * by.overhead + rows * by.row_memory) / 1e6
    found["disk_rows_mb"] = rows * (4 * dim * by.copies + by.row_disk) / 1e6
    found["disk_index_mb"] = index * by.compressed / 1e6
    found["per_second"] = 2 / model.core_seconds(rows, dim, index_type, by)
    return found


POINTS = [point(*place) for place in PLACES]


def test_the_fit_finds_the_constants_of_a_server_that_follows_the_model():
    found = fit(POINTS)
    for name in (
        "base",
        "overhead",
        "row_memory",
        "copies",
        "row_disk",
        "compressed",
        "call",
        "per_row",
    ):
        assert getattr(found, name) == pytest.approx(getattr(BY, name), rel=1e-6), name
    assert found.per_number == pytest.approx(BY.per_number, rel=1e-6)


def test_relative_errors_count_as_scikit_learn_weighs_them():
    random = np.random.default_rng(0)
    noisy = [one | {"memory_mb": one["memory_mb"] * random.uniform(0.9, 1.1)} for one in POINTS]
    scales = np.array([1e8, 1, 500])  # so that scikit-learn's numbers are of one size
    terms = [[1, p["rows"] * model.index_bytes(p["dim"], p["index"]), p["rows"]] for p in noisy]
    seen = np.array([one["memory_mb"] * 1e6 for one in noisy])
    regression = LinearRegression(fit_intercept=False, tol=1e-12)
    theirs = regression.fit(terms * scales, seen, 1e12 / seen**2).coef_ * scales
    ours = fit(noisy)
    assert [ours.base, ours.overhead, ours.row_memory] == pytest.approx(list(theirs), rel=1e-4)


def test_no_constant_comes_out_negative():
    odd = [one | {"memory_mb": 200 + one["rows"] * one["dim"] * 4e-6} for one in POINTS]
    found = fit(odd)
    assert min(found.base, found.overhead, found.row_memory) >= 0


@pytest.mark.parametrize("points", [[], POINTS[:1], POINTS[:6], POINTS[::2][:1] * 5])
def test_points_that_do_not_tell_the_constants_apart_are_refused(points):
    with pytest.raises(CapacityError, match=r"at least two sizes and two dimensions"):
        fit([one for one in points if one["dim"] == 512])


def test_the_model_checks_itself_on_what_it_was_fitted_to_and_on_what_it_was_not():
    spoilt = [dict(one) for one in POINTS]
    spoilt[3]["memory_mb"] *= 2
    within, without = model.errors(spoilt), model.errors(spoilt, left_out=True)
    assert abs(within[3]["memory"]) < abs(without[3]["memory"])
    assert without[3]["memory"] == pytest.approx(-0.5, abs=0.01)
    lines = against_measured(spoilt).splitlines()
    assert len(lines) == 2 + len(spoilt)
    assert "(-" in lines[5]
    assert lines[5].endswith("-50% |")


def test_the_measured_points_are_met_within_a_quarter():
    points = model.measured()
    assert {one["rows"] for one in points} == {10_000, 100_000, 1_000_000}
    assert {one["dim"] for one in points} == {512, 64}
    for one, error in zip(points, model.errors(points), strict=True):
        assert abs(error["memory"]) <= 0.25, one
        assert abs(error["disk"]) <= 0.25, one


def test_searches_a_second_are_only_roughly_foretold():
    """As notebook 06 says: most points within a quarter, and none is missed by more than half."""
    errors = [abs(one["per second"]) for one in model.errors(model.measured())]
    assert max(errors) <= 0.5
    assert sum(error <= 0.25 for error in errors) >= 0.9 * len(errors)


def test_a_point_that_was_left_out_is_still_met_in_memory_and_disk():
    errors = model.errors(model.measured(), left_out=True)
    assert max(abs(one["memory"]) for one in errors) <= 0.35
    assert max(abs(one["disk"]) for one in errors) <= 0.35


def test_an_index_keeps_what_its_format_says():
    assert model.index_bytes(64, "EXACT") == 64 * 4 + 8
    assert model.index_bytes(64, "IVF_SQ8") == 64 + 8
    assert model.index_bytes(64, "HNSW") == pytest.approx(64 * 4 + 32 * 4 + 4.27, abs=0.01)
    assert model.index_bytes(64, "DISKANN") == pytest.approx(57.6)
    assert model.stored_bytes(64, "DISKANN") > model.stored_bytes(64, "HNSW")
    with pytest.raises(CapacityError, match="Choose one of EXACT"):
        model.index_bytes(64, "LSH")


def test_hnsw_takes_the_bytes_that_faiss_writes():
    faiss = pytest.importorskip("faiss")
    index = faiss.IndexHNSWFlat(64, 16)
    index.add(np.random.default_rng(0).standard_normal((20_000, 64), dtype=np.float32))
    written = len(faiss.serialize_index(index)) / 20_000
    assert model.index_bytes(64, "HNSW") == pytest.approx(written, rel=0.05)
    flat = faiss.index_factory(64, "IVF64,SQ8")
    some = np.random.default_rng(0).standard_normal((20_000, 64), dtype=np.float32)
    flat.train(some)
    flat.add(some)
    sq8 = len(faiss.serialize_index(flat)) / 20_000
    assert model.index_bytes(64, "IVF_SQ8") == pytest.approx(sq8, rel=0.05)


def test_a_capacity_worked_by_hand():
    by = replace(BY, base=2e8, overhead=1, row_memory=236, copies=2, row_disk=36, compressed=1)
    prices = Prices(node=0.1, node_memory=8e9, node_cores=2, cpu=0.5, gpu=1, disk=0.1,
                    cpu_rate=50, gpu_rate=500)  # fmt: skip
    found = needs(10**7, 64, "EXACT", 2, 0, 1_800_000, hours=10, prices=prices, constants=by)
    rows = 10**7 * (64 * 4 + 8 + 236)  # 5 GB, which fill one node of 8 GB to 75 %
    assert found.nodes == 2
    assert found.memory == 2 * rows + 2 * 2e8
    assert found.disk == 10**7 * (2 * 256 + 36 + 264)
    assert found.cpu_hours == pytest.approx(10**7 / 50 / 3600)
    assert found.gpu_hours == pytest.approx(10**7 / 500 / 3600)
    assert found.machines == 6  # 55.6 hours in 10
    assert found.once == pytest.approx(55.56 * 0.5, rel=1e-3)
    daily = 1_800_000 / 50 / 3600 * 30 * 0.5  # 10 hours a day
    assert found.monthly == pytest.approx(2 * 0.1 * 730 + 8.12 * 0.1 + daily)
    gpu = needs(10**7, 64, "EXACT", hours=10, gpu=True, prices=prices, constants=by)
    assert (gpu.machines, round(gpu.once, 2)) == (1, 5.56)


def test_searches_take_nodes_when_memory_does_not():
    few = needs(10**6, 64, "HNSW", searches=10, constants=BY)
    many = needs(10**6, 64, "HNSW", searches=5000, constants=BY)
    each = 3e-3 + 10**6 * 2e-8 + model.compared(10**6, 64, "HNSW") * 2e-9
    assert few.nodes == 1
    assert many.nodes == int(np.ceil(5000 * each / 0.7 / 2))
    assert many.monthly > few.monthly


def test_more_of_anything_never_takes_less():
    base = {"vectors": 10**7, "dim": 64, "replicas": 1, "searches": 1, "new_per_day": 0}
    found = needs(**base, constants=BY)
    for name, more in (("vectors", 10**8), ("dim", 512), ("replicas", 3), ("searches", 10**5),
                       ("new_per_day", 10**7)):  # fmt: skip
        other = needs(**base | {name: more}, constants=BY)
        assert other.monthly > found.monthly, name
        assert other.memory >= found.memory, name


@pytest.mark.parametrize(
    "options", [{"vectors": 0}, {"dim": 0}, {"replicas": 0}, {"searches": -1}, {"hours": 0},
                {"index_type": "LSH"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(options):
    with pytest.raises(CapacityError, match=r"Choose"):
        needs(**{"vectors": 10**6, "constants": BY} | options)


@pytest.mark.parametrize("vectors", [10**6, 10**7, 10**8, 10**9])
def test_a_plan_says_how(vectors):
    text = str(plan(vectors))
    assert f"{vectors:,}" in text
    for word in (
        "Vectors",
        "Servers",
        "Searching",
        "Shards",
        "Partitions",
        "Loading",
        "Replicas",
        " a month",
    ):
        assert word in text
    assert re.search(r"\bnan\b|\binf\b", text) is None


@pytest.mark.parametrize("vectors", [10**6, 10**8])
def test_a_plan_takes_the_index_that_costs_less(vectors):
    prices = {t: needs(vectors, 64, t, constants=BY).monthly for t in ("HNSW", "IVF_SQ8")}
    assert plan(vectors, constants=BY).needs.index_type == min(prices, key=prices.get)
    assert plan(vectors, constants=BY, index_type="DISKANN").needs.index_type == "DISKANN"
    assert plan(10**6, constants=BY, replicas=2).needs.replicas == 2


def test_the_number_of_nodes_is_told_with_its_reason():
    assert needs(10**8, 64, "HNSW", searches=1, constants=BY).bound == "memory"
    assert needs(10**6, 64, "EXACT", searches=10**4, constants=BY).bound == "searching"


def test_rows_are_written_no_slower_than_planned():
    many = [one for one in model.measured() if one["dim"] == 64 and one["rows"] >= 100_000]
    rates = [one["load_rows_per_s"] for one in many]
    assert plans.ROWS_PER_SECOND <= min(rates) < 2 * plans.ROWS_PER_SECOND


def test_the_price_in_map_is_that_of_the_readme():
    rows = [line.split("|") for line in (ROOT / "README.md").read_text().splitlines()]
    stated = {cells[1].strip(): cells[5].split()[0] for cells in rows if len(cells) == 7}
    assert {512: float(stated["original"]), 64: float(stated["tuned"])} == plans.MAP


def test_without_measured_points_it_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(model, "MEASURED", tmp_path / "none.json")
    with pytest.raises(CapacityError, match=r"python bench/scale\.py --save"):
        needs(10**6)


def test_the_measured_points_say_where_they_come_from():
    found = json.loads(model.MEASURED.read_text())
    assert all("Milvus" in where and "cores" in where for where in found["where"])


def test_sizes_are_told_in_units():
    assert [size(value) for value in (1e3, 2.5e6, 5.14e9, 3e12)] == [
        "1.0 kB", "2.5 MB", "5.1 GB", "3.0 TB"
    ]  # fmt: skip
