"""`make results`: what it measures is so, and what it writes has one form."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from needs import TEST_DATA
from vgg_kit import real

from helpers import dataset, settings
from helpers.course import results
from helpers.features import VGG16
from helpers.search import metrics, relevance, tuning
from helpers.settings import ROOT

ROW = {"setting", "dimension", "bytes", "p_at_1", "p_at_10", "map", "map_interval", "query_ms"}
STEPS = ["original", "average", "GeM", "GeM, spread", "GeM, spread, 64 numbers", "tuned"]
SMALL = {"bottle": 20, "cat": 16, "dog": 16}


@pytest.fixture
def build(tmp_path, monkeypatch):
    """The folder into which main writes, in place of build/."""
    monkeypatch.setattr(results, "BUILD", tmp_path / "build")
    return tmp_path / "build"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A function that sets BOOTCAMP_DATASET, and data that nobody else uses."""

    def prepare(asked, data=tmp_path / "data", tuning="auto"):
        monkeypatch.setenv("BOOTCAMP_DATASET", str(asked))
        monkeypatch.setenv("BOOTCAMP_DATA", str(data))
        monkeypatch.setenv("BOOTCAMP_OFFLINE", "1")
        monkeypatch.setenv("BOOTCAMP_TUNING", tuning)

    return prepare


def fill(folder, numbers, shared_settings):
    """Copy that many drawings of each class into a folder; "" means unsorted."""
    drawings = dataset.load(shared_settings, progress=False).pictures
    for label, number in numbers.items():
        (folder / label).mkdir(parents=True, exist_ok=True)
        chosen = [one for one in drawings if label in ("", one.labels[0])][:number]
        assert len(chosen) == number
        for picture in chosen:
            shutil.copy(picture.path, folder / label)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory, shared_settings):
    """Settings over 52 drawings in three classes, among files that are no pictures."""
    place = tmp_path_factory.mktemp("results")
    folder = fill(place / "own", SMALL, shared_settings)
    whole = next((folder / "cat").iterdir()).read_bytes()
    for name, content in {
        "cut.jpg": whole[: len(whole) // 2],
        "empty.jpg": b"",
        "letter.jpg": b"Dear reader, this is no picture.",
    }.items():
        (folder / "dog" / name).write_bytes(content)
    kept = real(shared_settings).data / "weights"
    shutil.copytree(kept, place / "data" / "weights")
    return replace(shared_settings, data=place / "data", dataset=str(folder), offline=True)


def names(facts):
    return [row["setting"] for row in facts["rows"]]


# What is refused


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ({"": 60}, "60 pictures, of which 0 share a label"),
        ({"cat": 12, "dog": 12}, "24 pictures, of which 24 share a label"),
        ({"bottle": 20}, "different labels: 1"),
    ],
    ids=["unlabelled", "too few", "one class"],
)
def test_too_little_to_measure_is_one_sentence_and_no_file(
    environment, build, tmp_path, shared_settings, capsys, numbers, said
):
    environment(fill(tmp_path / "own", numbers, shared_settings))
    capsys.readouterr()
    assert results.main([]) == 1
    told = capsys.readouterr()
    assert said in told.err
    assert "Set BOOTCAMP_DATASET to 50 pictures or more" in told.err
    assert len(told.err.strip().splitlines()) == 1
    assert "mAP" not in told.out
    assert not build.exists()
    assert not (tmp_path / "data" / "vectors").exists()


@pytest.mark.parametrize(("asked", "tuned"), [(["--also", "385"], "auto"), ([], "223")])
def test_a_tuning_that_is_not_known_is_said_before_anything_is_computed(
    environment, build, capsys, asked, tuned
):
    environment("sample", tuning=tuned)
    assert results.main(asked) == 1
    assert "Unknown tuning" in capsys.readouterr().err
    assert not build.exists()


def test_a_folder_that_is_not_there_is_said(environment, build, tmp_path, capsys):
    environment(tmp_path / "nowhere")
    assert results.main([]) == 1
    assert "no such folder" in capsys.readouterr().err
    assert not build.exists()


# What is measured


@pytest.mark.weights
def test_the_sample_is_measured_in_seconds_and_written(environment, build, shared_settings, capsys):
    environment("sample", real(shared_settings).data)
    assert results.main([]) == 0
    facts = json.loads((build / "results.json").read_text())
    assert {"dataset", "pictures", "rows"} <= facts.keys()
    assert (facts["dataset"], facts["pictures"], facts["queries"]) == ("sample", 240, 240)
    assert names(facts) == STEPS
    for row in facts["rows"]:
        assert row.keys() == ROW
        low, high = row["map_interval"]
        assert 0 < low < row["map"] < high < 1
        assert 0 < row["p_at_1"] < 1
        assert 0 < row["p_at_10"] < 1
        assert 0 < row["query_ms"] < 1000
        assert row["bytes"] == 4 * row["dimension"]
    assert [row["dimension"] for row in facts["rows"]] == [512, 512, 512, 240 - 1, 64, 64]
    assert (build / "results.md").read_text() == results.table(facts)
    assert results.table(facts) in capsys.readouterr().out


@pytest.mark.weights
def test_the_first_row_is_the_original_by_the_definitions(shared_settings):
    """And chance is the share of the others that share a label, whatever the order."""
    here = real(shared_settings)
    facts = results.results(settings=here)
    data = dataset.load(here, progress=False)
    values = VGG16("max", settings=here).extract(data.pictures, data.name, progress=False).values
    found, chances = [], []
    for row, picture in enumerate(data.pictures):
        order = np.argsort(-(values @ values[row]), kind="stable")
        hits = [bool({*data.pictures[n].labels} & {*picture.labels}) for n in order if n != row]
        chances.append(np.mean(hits))
        if any(hits):
            found.append((hits[0], np.mean(hits[:10]), metrics.average_precision(hits)))
    original = facts["rows"][0]
    told = [original[name] for name in ("p_at_1", "p_at_10", "map")]
    assert len(found) == len(data.pictures)
    assert told == pytest.approx(np.mean(found, axis=0), abs=1e-5)
    assert facts["chance"] == pytest.approx(np.mean(chances))


@pytest.mark.weights
def test_the_tuned_row_is_what_the_recipe_gives(small):
    facts = results.results(settings=small)
    data = dataset.load(small, progress=False)
    wanted = tuning.RECIPES["224"]
    made = VGG16("gem", settings=small).extract(data.pictures, data.name, progress=False)
    table = tuning.fit(made, wanted).apply(made.values)
    cosines = table @ table.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = cosines.argmax(axis=1)  # 52 pictures: one neighbour
    queries = table + cosines.max(axis=1)[:, None] ** 2 * table[nearest]
    ap = metrics.evaluate(
        lambda rows: queries[rows] @ table.T,
        relevance.any_shared_label(data.pictures),
        np.arange(len(table)),
    ).ap
    assert facts["rows"][-1]["map"] == pytest.approx(np.mean(ap), abs=1e-5)
    assert facts["rows"][-1]["dimension"] == len(table) - 1


@pytest.mark.weights
def test_files_that_are_no_pictures_do_not_count(small):
    facts = results.results(settings=small)
    assert (facts["pictures"], facts["queries"], facts["classes"]) == (52, 52, 3)


@pytest.mark.weights
def test_a_picture_that_breaks_after_it_was_listed_does_not_count(small, tmp_path, monkeypatch):
    shutil.copytree(small.dataset, tmp_path / "own")
    load = dataset.load

    def load_and_break(own):
        found = load(own, progress=False)
        found.pictures[7].path.write_bytes(b"broken meanwhile")
        return found

    monkeypatch.setattr(dataset, "load", load_and_break)
    facts = results.results(settings=replace(small, dataset=str(tmp_path / "own")))
    assert (facts["pictures"], facts["queries"]) == (51, 51)


@pytest.mark.weights
def test_without_a_tuning_there_are_no_steps(small):
    facts = results.results(settings=replace(small, tuning="none"))
    original, tuned = facts["rows"]
    assert names(facts) == ["original", "tuned"]
    assert {**tuned, "setting": 0, "query_ms": 0} == {**original, "setting": 0, "query_ms": 0}


@pytest.mark.weights
def test_another_tuning_is_measured_beside_it(small):
    facts = results.results("none", small)
    assert names(facts) == [*STEPS, "tuned, none"]
    assert facts["rows"][-1]["map"] == facts["rows"][0]["map"]
    facts = results.results("224", small)
    assert names(facts) == [*STEPS, "tuned, 224", "averaged, 224"]
    assert facts["rows"][-2]["map"] == facts["rows"][-3]["map"]


@pytest.mark.weights
@pytest.mark.slow
def test_the_larger_tuning_is_measured_where_it_is_asked_for(small):
    facts = results.results(settings=replace(small, tuning="384"))
    assert names(facts) == STEPS
    beside = results.results("384", small)
    tuned = {row["setting"]: row["map"] for row in beside["rows"]}
    assert facts["rows"][-1]["map"] == tuned["tuned, 384"]
    assert facts["rows"][0]["map"] == tuned["original"]


def told_rows():
    """Return {setting: [P@1, P@10, mAP, low, high]} of the README's table."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = text.partition(results.BEGIN)[2].partition(results.END)[0]
    number = r"(\d\.\d{3})"
    line = rf"^\| (.+?) \| [\d,]+ \| {number} \| {number} \| {number} \({number} to {number}\) \|$"
    return {name: [*map(float, rest)] for name, *rest in re.findall(line, text, re.M)}


@pytest.mark.voc
@pytest.mark.slow
@pytest.mark.weights
def test_the_readmes_rows_are_measured_again(voc_subset, shared_settings):
    own = replace(real(shared_settings), dataset=str(voc_subset))
    facts = results.results("384", own)
    assert (facts["pictures"], facts["classes"]) == (600, 5)
    found = {
        row["setting"]: [row["p_at_1"], row["p_at_10"], row["map"], *row["map_interval"]]
        for row in facts["rows"]
    }
    told = told_rows()
    assert told.keys() == found.keys() - {*results.STEPS}
    for setting, numbers in told.items():
        assert found[setting] == pytest.approx(numbers, abs=0.004), setting


# The README

FACTS = {
    "pictures": 1234, "classes": 3, "queries": 1000, "chance": 0.25, "machine": "a machine",
    "date": "2026-01-02",
    "rows": [{"setting": "original", "bytes": 2048, "p_at_1": 0.5, "p_at_10": 0.25,
              "map": 0.12345, "map_interval": [0.1, 0.2]}],
}  # fmt: skip


def test_the_table_says_what_was_measured_and_where():
    *_, row, blank, note = results.table(FACTS).splitlines()
    assert row == "| original | 2,048 | 0.500 | 0.250 | 0.123 (0.100 to 0.200) |"
    assert blank == ""
    assert note == (
        "*1,234 pictures of 3 classes, 1,000 queries, chance 0.250; a machine; 2026-01-02.*"
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_only_what_is_between_the_marks_changes(tmp_path, monkeypatch, end):
    before = (ROOT / "README.md").read_bytes().replace(b"\n", end)
    (tmp_path / "README.md").write_bytes(before)
    monkeypatch.setattr(results, "ROOT", tmp_path)
    for _ in range(2):
        results.write_readme("A table.\n")
    after = (tmp_path / "README.md").read_bytes()
    begin, over = results.BEGIN.encode(), results.END.encode()
    assert after.count(begin) == after.count(over) == 1
    assert after.partition(begin)[0] == before.partition(begin)[0]
    assert after.partition(over)[2] == before.partition(over)[2]
    assert after.partition(begin)[2].partition(over)[0] == b"\nA table.\n"


@pytest.mark.parametrize("text", ["# No marks\n", f"{results.BEGIN}\n", f"{results.END}\n"])
def test_a_readme_without_marks_stays_as_it_is(tmp_path, monkeypatch, text):
    (tmp_path / "README.md").write_text(text)
    monkeypatch.setattr(results, "ROOT", tmp_path)
    with pytest.raises(results.ResultsError, match="lacks the marks"):
        results.write_readme("A table.\n")
    assert (tmp_path / "README.md").read_text() == text


@pytest.mark.parametrize("asked", [[], ["--readme"]])
def test_the_readme_is_written_where_that_is_asked_for(tmp_path, monkeypatch, build, asked):
    rows = [{**FACTS["rows"][0], "setting": name} for name in STEPS]
    monkeypatch.setattr(results, "results", lambda also: {**FACTS, "rows": rows})
    monkeypatch.setattr(results, "ROOT", tmp_path)
    (tmp_path / "README.md").write_text(f"a\n{results.BEGIN}\n{results.END}\nb\n")
    assert results.main(asked) == 0
    kept = [row for row in rows if row["setting"] in ("original", STEPS[4], "tuned")]
    table = results.table({**FACTS, "rows": kept}) if asked else ""
    assert (tmp_path / "README.md").read_text() == (
        f"a\n{results.BEGIN}\n{table}{results.END}\nb\n"
    )


def test_what_a_measurement_depends_on_is_told():
    told = results.machine()
    assert re.search(r", \d+ cores \(.+\), \d+ GiB, Python 3\.", told)
    assert settings.ROOT.name not in told
    assert str(TEST_DATA) not in told
