"""The search page in a real Chromium: one service and many visitors; and JupyterLab's widget."""

import gc
import itertools
import json
import re
import shutil
import threading
import time
import weakref
from collections import Counter
from dataclasses import replace

import app_kit
import browser_kit as kit
import numpy as np
import pytest
import uvicorn
from needs import TEST_DATA, require
from PIL import Image
from vgg_kit import real

from helpers import dataset
from search_app.page import Visitors
from search_app.service import create_app

pytestmark = pytest.mark.browser
PICTURES = 48


@pytest.fixture(scope="module")
def room(shared_settings, tmp_path_factory):
    """A small data set of real pictures in VOC layout, and the environment that names it."""
    require(kit.chromium(), "Chromium (apt-get install chromium)")
    real(shared_settings)
    folder = tmp_path_factory.mktemp("browser")
    whole = dataset.load(replace(shared_settings, dataset=app_kit.source()), progress=False)
    step = len(whole.pictures) // PICTURES
    for picture in whole.pictures[::step][:PICTURES]:
        for kind, suffix in (("JPEGImages", ".jpg"), ("Annotations", ".xml")):
            (folder / "few" / kind).mkdir(parents=True, exist_ok=True)
            source = picture.path.parent.parent / kind / f"{picture.path.stem}{suffix}"
            shutil.copy(source, folder / "few" / kind)
    few = dataset.load(replace(shared_settings, dataset=str(folder / "few")), progress=False)
    environ = {
        "BOOTCAMP_DATASET": str(folder / "few"),
        "BOOTCAMP_ROOTS": str(folder),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    return folder, few.pictures, environ


def database(room, name):
    """Return the room's environment with a database of its own: Milvus Lite has one user."""
    data = room[0] / name
    data.mkdir()
    for kept in ("weights", "vectors"):
        (TEST_DATA / kept).mkdir(exist_ok=True)
        (data / kept).symlink_to(TEST_DATA / kept)
    return room[2] | {"BOOTCAMP_DATA": str(data)}


@pytest.fixture(scope="module")
def served(room):
    """The service on a free port, started before anybody knows whether it is ready."""
    port = kit.free_port()
    with kit.service(port, room[0] / "service.log", database(room, "service")) as process:
        yield f"http://127.0.0.1:{port}", process


@pytest.fixture(scope="module")
def chromium(room):
    with kit.browser() as context:
        yield context


def enter(context, address, **size):
    """Return a page of the service, as a new visitor opens it, ready to be used."""
    page = kit.visit(context, address, **size)
    page.wait_for_selector(".ris-strip img")
    return page


@pytest.fixture(scope="module")
def opened(served, chromium):
    page = enter(chromium, served[0])
    yield page
    page.close()


@pytest.fixture
def page(opened):
    """The page as a visitor finds it, without a query; script errors fail the test."""
    opened.get_by_role("tab", name="Search").click()
    opened.set_viewport_size({"width": 1280, "height": 900})
    yield opened
    if opened.locator("dialog[open]").count():
        opened.keyboard.press("Escape")
    opened.get_by_role("tab", name="Search").click()
    if opened.locator(".ris-region").count():
        opened.get_by_role("button", name="Remove the query picture").click()
        opened.wait_for_selector(".ris-card", state="detached")
    assert opened.errors == []


def cards(page):
    return page.locator(".ris-card")


def first_hit(page):
    return cards(page).first.get_attribute("data-id")


def upload(page, path):
    """Choose a file, or several, and wait for the gallery that answers."""
    paths = path if isinstance(path, list) else [path]
    drawn = page.locator(".ris-grid").get_attribute("data-drawn")
    page.set_input_files(".ris-file", [str(each) for each in paths])
    wait_for_gallery(page, drawn)


REDRAWN = "old => document.querySelector('.ris-grid').dataset.drawn !== (old ?? undefined)"


def wait_for_gallery(page, drawn):
    """Wait until the gallery has been redrawn, and isn't empty."""
    page.wait_for_function(f"{REDRAWN} && document.querySelector('.ris-card')", arg=drawn)


def pick(page, number=0):
    """Search with one of the suggested pictures."""
    drawn = page.locator(".ris-grid").get_attribute("data-drawn")
    page.locator(".ris-query .ris-thumb").nth(number).click()
    wait_for_gallery(page, drawn)


def test_an_uploaded_photo_finds_itself_first(page, room):
    kit.shoot(page, "page-empty")
    picture = room[1][11]
    upload(page, picture.path)
    assert first_hit(page) == picture.id
    assert cards(page).count() == 12
    assert float(page.locator(".ris-score").first.inner_text()) > 0.99
    assert page.locator(".ris-query strong").inner_text() == picture.path.name
    assert f"{picture.width} × {picture.height}" in page.locator(".ris-query").inner_text()
    page.get_by_text(f"This picture is in this data set: {picture.path.name}").wait_for()
    assert page.locator(".ris-same").count() == 0  # a file comes without labels to compare
    steps = re.findall(r"(\w+) \d+ ms", page.locator(".ris-times").inner_text())
    assert steps == ["decode", "embed", "search", "draw"]
    kit.shoot(page, "page-results")


def transfer(page, **files):
    """Return a DataTransfer of `files`, {name: bytes}, as a drop or the clipboard carries it."""
    return page.evaluate_handle(
        """async (files) => { const transfer = new DataTransfer();
        const type = "image/jpeg";
        for (const [name, bytes] of Object.entries(files))
          transfer.items.add(new File([new Uint8Array(bytes)], name + ".jpg", {type}));
        return transfer; }""",
        {name: list(content) for name, content in files.items()},
    )


def test_a_dropped_photo_is_searched_with(page, room):
    picture = room[1][20]
    dropped = transfer(page, dropped=picture.path.read_bytes())
    page.dispatch_event(".ris-query", "drop", {"dataTransfer": dropped})
    page.wait_for_selector(".ris-card")
    assert first_hit(page) == picture.id


def also(page):
    """Return what is searched with beside the large picture: each text, and its tick or cross."""
    return page.locator(".ris-searched li").evaluate_all(
        "es => es.map(e => [e.querySelector('img').alt,"
        " e.querySelector('.ris-badge')?.textContent])"
    )


def test_several_files_dropped_pasted_or_chosen_are_one_query(page, room, tmp_path):
    photos = {f"photo{n}": room[1][n].path.read_bytes() for n in (3, 20)}
    dropped = transfer(page, **photos, letter=b"Dear reader, this is not a picture.")
    page.dispatch_event(".ris-query", "drop", {"dataTransfer": dropped})
    page.wait_for_selector(".ris-card")
    page.get_by_text("“letter.jpg” can't be used").wait_for()
    assert page.locator(".ris-query strong").inner_text() == "photo3.jpg"
    assert also(page) == [["Also your query: photo20.jpg", None]]
    assert page.locator(".ris-query h2").inner_text() == "Your pictures"
    kit.shoot(page, "page-several")
    both = state(page)[1]
    page.get_by_role("button", name="Remove the query picture").click()
    page.locator(".ris-query strong", has_text="photo20.jpg").wait_for()  # it takes the place
    page.wait_for_function("() => !document.querySelector('.ris-searched')")
    page.get_by_text("can't be used").wait_for(state="detached")
    wait_for_first(page, room[1][20].id)
    pasted = transfer(page, **photos)
    page.evaluate(
        """data => document.body.dispatchEvent(new ClipboardEvent("paste",
        {clipboardData: data, bubbles: true}))""", pasted,
    )  # fmt: skip
    page.wait_for_selector(".ris-searched")
    wait_for_hits(page, both)
    page.get_by_role("button", name="Remove photo20.jpg from the query").click()
    page.wait_for_function("() => !document.querySelector('.ris-searched')")
    huge = tmp_path / "huge.jpg"
    huge.write_bytes(bytes(20_000_001))
    page.set_input_files(".ris-file", [str(huge), str(room[1][8].path)])
    page.get_by_text("“huge.jpg” is larger than 20 MB").wait_for()
    wait_for_first(page, room[1][8].id)  # the other one is searched with
    page.set_input_files(".ris-file", [str(picture.path) for picture in room[1][:11]])
    page.get_by_text("At most 10 pictures make one query. Choose fewer.").wait_for()
    assert first_hit(page) == room[1][8].id


def wait_for_first(page, picture_id):
    """Wait until this is the best hit."""
    page.wait_for_function(
        "id => document.querySelector('.ris-card')?.dataset.id === id", arg=picture_id
    )


def wait_for_hits(page, ids):
    """Wait until exactly these are the hits."""
    page.wait_for_function(
        "ids => ids.join('\\n') === [...document.querySelectorAll('.ris-card')]"
        ".map(e => e.dataset.id).join('\\n')",
        arg=ids,
    )


def mark(page, number, name):
    """Click on the tick or cross of a hit; return the hit's id."""
    card = cards(page).nth(number)
    card.hover()
    card.get_by_role("button", name=name).click()
    return card.get_attribute("data-id")


def search_again(page):
    """Search again with what is marked."""
    drawn = page.locator(".ris-grid").get_attribute("data-drawn")
    page.get_by_role("button", name="Search again with these").click()
    wait_for_gallery(page, drawn)


def test_hits_are_marked_and_searched_again_with(page, room):
    upload(page, room[1][11].path)
    before = state(page)[1]
    assert not page.locator(".ris-marked").is_visible()
    wanted, unwanted = mark(page, 2, "More like this"), mark(page, 3, "Less like this")
    tick = cards(page).nth(2).get_by_role("button", name="More like this")
    assert tick.get_attribute("aria-pressed") == "true"
    tick.press("Enter")  # taken back, and set again, by keyboard
    page.get_by_text("0 wanted, 1 unwanted").wait_for()
    assert tick.get_attribute("aria-pressed") == "false"
    tick.press("Space")
    page.get_by_text("1 wanted, 1 unwanted").wait_for()
    kit.shoot(page, "page-marked")
    page.get_by_label("How many").fill("20")
    page.wait_for_function("() => document.querySelectorAll('.ris-card').length === 20")
    assert page.locator(".ris-mark[aria-pressed=true]").count() == 2
    page.get_by_label("How many").fill("12")
    page.wait_for_function("() => document.querySelectorAll('.ris-card').length === 12")
    search_again(page)
    assert [badge for _, badge in also(page)] == ["✓", "✕"]
    assert page.locator(".ris-query strong").inner_text() == room[1][11].path.name
    after = state(page)[1]
    assert after != before
    assert not {wanted, unwanted} & set(after)
    assert page.locator(".ris-mark[aria-pressed=true]").count() == 0
    assert not page.get_by_role("button", name="Search again with these").is_visible()
    kit.shoot(page, "page-searched-again")
    drawn = page.locator(".ris-grid").get_attribute("data-drawn")
    page.get_by_role("button", name="Forget this mark. Less like this").click()
    wait_for_gallery(page, drawn)
    page.get_by_text("1 wanted, 0 unwanted").wait_for()
    assert [badge for _, badge in also(page)] == ["✓"]
    assert unwanted in state(page)[1]
    page.get_by_role("button", name="Forget the marks").click()
    page.wait_for_function("() => !document.querySelector('.ris-searched')")
    wait_for_hits(page, before)
    assert not page.locator(".ris-marked").is_visible()
    mark(page, 1, "More like this")
    pick(page)  # a new query
    page.locator(".ris-marked").wait_for(state="hidden")
    assert page.locator(".ris-mark[aria-pressed=true]").count() == 0


def test_marks_can_be_set_on_a_touch_screen(served, chromium, room):
    page = enter(chromium, served[0], width=390, height=800)
    upload(page, room[1][11].path)
    mark_ = page.locator(".ris-mark").first
    assert mark_.evaluate("e => getComputedStyle(e).opacity") == "0"  # a mouse shows them
    client = chromium.new_cdp_session(page)
    client.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    phone = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    client.send("Emulation.setDeviceMetricsOverride", phone)
    page.wait_for_function(
        "() => getComputedStyle(document.querySelector('.ris-mark')).opacity === '1'"
    )
    assert mark_.bounding_box()["height"] >= 32
    mark_.click()
    page.get_by_text("1 wanted, 0 unwanted").wait_for()
    page.locator(".ris-results").scroll_into_view_if_needed()
    assert overflowing(page) == []
    kit.shoot(page, "page-phone-marked")
    page.close()


def test_the_slider_changes_how_many_are_shown(page):
    pick(page)
    slider = page.get_by_label("How many")
    for value in (5, 30, 12):
        slider.fill(str(value))
        page.wait_for_function(
            "n => document.querySelectorAll('.ris-card').length === n", arg=value
        )
    assert page.locator(".ris-results h2").inner_text().startswith("12 most similar of")


def labels_until(page, condition, *values):
    """Return the labels of each card, once `condition(each card's labels)` holds for all."""
    page.wait_for_function(
        "values => [...document.querySelectorAll('.ris-labels')].every(e => {"
        f" const labels = e.textContent.split(', '); return {condition}; }})",
        arg=list(values),
    )
    return [text.split(", ") for text in page.locator(".ris-labels").all_inner_texts()]


def test_a_class_filter_and_a_minimum_score_are_obeyed(page, room):
    pairs = Counter(pair for p in room[1] for pair in itertools.combinations(p.labels, 2))
    (one, other), together = pairs.most_common(1)[0]
    chip = lambda name: page.locator(".ris-chip").get_by_text(name, exact=True)  # noqa: E731
    pick(page)
    page.get_by_label("How many").fill("48")
    chip(one).click()
    chip(other).click()
    either = labels_until(page, "values.some(v => labels.includes(v))", one, other)
    assert len(either) > together
    page.get_by_text("all of", exact=True).click()
    both = labels_until(page, "values.every(v => labels.includes(v))", one, other)
    assert len(both) in (together, together - 1)  # the query itself is left out
    kit.shoot(page, "page-all-of")
    page.get_by_text("none of", exact=True).click()
    labels_until(page, "!values.some(v => labels.includes(v))", one, other)
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_label("How many").fill("12")
    page.get_by_label("Minimum score").fill("1")
    page.get_by_text("No picture matches").wait_for()
    kit.shoot(page, "page-nothing-passes")
    page.get_by_text("any of", exact=True).click()
    page.get_by_label("Minimum score").fill("0")
    page.wait_for_selector(".ris-card")


def test_labels_that_are_cut_off_can_be_read_in_full(page):
    page.set_viewport_size({"width": 360, "height": 740})
    pick(page)
    page.get_by_label("How many").fill("40")
    page.wait_for_function("() => document.querySelectorAll('.ris-card').length === 40")
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.ris-labels')]
        .filter(e => e.scrollWidth > e.clientWidth).map(e => [e.textContent, e.title,
          e.closest('.ris-card').querySelector('img').alt])"""
    )
    page.get_by_label("How many").fill("12")
    assert cut
    assert all(text == title and text in alt for text, title, alt in cut)


def test_a_dragged_region_is_searched_with_and_the_whole_comes_back(page, room):
    picture = room[1][11]
    upload(page, picture.path)
    area = page.locator(".ris-region").bounding_box()
    at = lambda x, y: (area["x"] + x * area["width"], area["y"] + y * area["height"])  # noqa: E731
    page.mouse.move(*at(0.2, 0.2))
    page.mouse.down()
    page.mouse.move(*at(0.5, 0.5))
    page.mouse.move(*at(0.7, 0.8))
    page.mouse.up()
    page.get_by_text("Searching with this region.").wait_for()
    page.wait_for_function("() => Number(document.querySelector('.ris-score').textContent) < 0.99")
    box = page.locator(".ris-box").bounding_box()
    assert box["width"] == pytest.approx(area["width"] / 2, abs=3)
    kit.shoot(page, "page-part")
    page.get_by_role("button", name="Whole picture").click()
    page.wait_for_function("() => Number(document.querySelector('.ris-score').textContent) > 0.99")
    assert first_hit(page) == picture.id


def test_a_result_opens_large_with_its_boxes_and_can_be_searched_with(page, room):
    upload(page, room[1][3].path)
    page.locator(".ris-open").first.click()
    page.wait_for_selector(".ris-large img")
    assert page.locator(".ris-object").count() == len(room[1][3].boxes) > 0
    kit.shoot(page, "page-large")
    drawn = page.locator(".ris-grid").get_attribute("data-drawn")
    page.get_by_role("dialog").get_by_role("button", name="Search with this").click()
    wait_for_gallery(page, drawn)
    assert room[1][3].id not in [card.get_attribute("data-id") for card in cards(page).all()]


def test_why_shows_both_pictures_side_by_side(page):
    pick(page)
    page.get_by_role("button", name="Why this one").first.click()
    page.wait_for_selector(".ris-pair img")
    images = page.locator(".ris-pair img")
    assert images.count() == 2
    assert all(width > 100 for width in images.evaluate_all("es => es.map(e => e.naturalWidth)"))
    kit.shoot(page, "page-why")
    page.keyboard.press("Escape")
    assert not page.get_by_role("dialog").is_visible()


def test_a_text_named_jpg_gets_a_sentence_and_the_results_stay(page, room, tmp_path):
    upload(page, room[1][5].path)
    (tmp_path / "letter.jpg").write_text("Dear reader, this is not a picture.")
    page.set_input_files(".ris-file", str(tmp_path / "letter.jpg"))
    page.get_by_text("“letter.jpg” can't be used").wait_for()
    assert first_hit(page) == room[1][5].id
    kit.shoot(page, "page-error")


def test_files_above_the_old_limit_arrive(page, room, tmp_path):
    """A large photo is shrunk before it travels; what cannot be shrunk must still get an answer."""
    noise = np.random.default_rng(0).integers(0, 255, (2600, 3900, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.jpg", quality=95)
    assert (tmp_path / "noise.jpg").stat().st_size > 11_000_000
    upload(page, tmp_path / "noise.jpg")
    assert "1600 × 1067 pixels" in page.locator(".ris-query").inner_text()
    (tmp_path / "raw.jpg").write_bytes(bytes(14_000_000))
    page.set_input_files(".ris-file", str(tmp_path / "raw.jpg"))
    page.get_by_text("“raw.jpg” can't be used").wait_for()
    (tmp_path / "huge.jpg").write_bytes(bytes(20_000_001))
    page.set_input_files(".ris-file", str(tmp_path / "huge.jpg"))
    page.get_by_text("“huge.jpg” is larger than 20 MB").wait_for()


def test_forbidden_paths_and_addresses_get_a_sentence(page):
    box = page.get_by_label("Web address or path")
    for text, answer in (
        ("/etc/passwd", "wasn't found"),
        ("file:///etc/passwd", "isn't a path"),
        ("http://127.0.0.1:1/a.jpg", "isn't a public host"),
    ):
        box.fill(text)
        box.press("Enter")
        page.get_by_text(answer).wait_for()


def own_folder(room, name, pictures):
    """Return the new folder `name` below the allowed root, with copies of these pictures."""
    folder = room[0] / name
    folder.mkdir()
    for picture in pictures:
        shutil.copy(picture.path, folder)
    return folder


def searching_in(page):
    """Return which data set the page says it searches in."""
    return page.get_by_label("Searching in").locator("option:checked").inner_text()


def test_a_folder_is_loaded_with_progress_and_ledger_searched_and_removed(page, room):
    mine = own_folder(room, "mine", room[1][:12])
    (mine / "cut.jpg").write_bytes(room[1][0].path.read_bytes()[:1500])
    (mine / "text.jpg").write_text("no picture")
    page.get_by_role("tab", name="Your folder").click()
    box = page.get_by_role("combobox", name="Folder")
    box.fill("mi")
    page.wait_for_selector("datalist option[value='mine']", state="attached")
    box.fill("mine")
    box.press("Enter")
    page.wait_for_selector("progress")
    page.get_by_role("button", name="Stop").wait_for()
    kit.shoot(page, "page-folder-loading")
    page.get_by_text("Done: 12 pictures added.").wait_for()
    assert page.locator(".ris-ledger tbody tr").count() == 2
    assert page.locator(".ris-total").inner_text() == f"{PICTURES} pictures in this data set"
    kit.shoot(page, "page-folder")
    page.locator(".ris-progress").get_by_role("button", name="Search in it").click()
    page.get_by_text("12 pictures in this data set").wait_for()
    assert searching_in(page) == "mine (12)"
    pick(page)
    assert cards(page).count() == 11  # all but itself
    page.get_by_role("tab", name="Near-duplicates").click()
    page.get_by_text("No two pictures are that similar").wait_for()
    page.get_by_role("tab", name="Your folder").click()
    (mine / "again.jpg").write_bytes((mine / room[1][0].path.name).read_bytes())
    (mine / room[1][5].path.name).unlink()
    page.get_by_role("button", name="Load").click()
    page.get_by_text("Done: 1 picture added, 1 removed, 11 unchanged.").wait_for()
    page.get_by_role("tab", name="Near-duplicates").click()
    page.get_by_label("Minimum similarity").fill("0.99")
    page.wait_for_selector(".ris-group img")
    assert page.locator(".ris-group").count() == 1
    kit.shoot(page, "page-near-duplicates")
    page.get_by_role("tab", name="Your folder").click()
    page.get_by_role("button", name="Remove mine").click()
    page.get_by_text("Remove “mine”? Its files stay untouched.").wait_for()
    kit.shoot(page, "page-folder-sure")
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("button", name="Remove mine").press("Enter")
    page.get_by_role("button", name="Yes, remove").click()
    page.get_by_text("Removed; the files stay untouched.").wait_for()
    page.get_by_text(f"{PICTURES} pictures in this data set").wait_for()
    assert not page.get_by_label("Searching in").is_visible()  # there is only one again
    assert len(list(mine.iterdir())) == 14


def test_two_visitors_with_a_folder_each_see_both_and_keep_their_own(served, chromium, room):
    one, other = (enter(chromium, served[0]) for _ in range(2))
    own_folder(room, "cats", room[1][:5])
    own_folder(room, "dogs", room[1][5:12])
    for page, name in ((one, "cats"), (other, "dogs")):  # at once: nobody waits for the other
        page.get_by_role("tab", name="Your folder").click()
        page.get_by_role("combobox", name="Folder").fill(name)
        page.get_by_role("button", name="Load").click()
    for page, name, size in ((one, "cats", 5), (other, "dogs", 7)):
        page.get_by_text(f"Done: {size} pictures added.").wait_for()
        page.locator(".ris-progress").get_by_role("button", name="Search in it").click()
        page.get_by_text(f"{size} pictures in this data set").wait_for()
        pick(page)
        assert cards(page).count() == size - 1
        assert searching_in(page) == f"{name} ({size})"
    for page in (one, other):
        listed = page.get_by_label("Searching in").locator("option").all_inner_texts()
        assert {"cats (5)", "dogs (7)"} < set(listed)
    other.get_by_role("tab", name="Your folder").click()
    other.get_by_role("button", name="Remove cats").click()
    other.get_by_text("Somebody else loaded it").wait_for()
    kit.shoot(other, "page-folder-of-others")
    other.get_by_role("button", name="Yes, remove").click()
    one.get_by_text(f"{PICTURES} pictures in this data set").wait_for()  # back on the default
    assert searching_in(other) == "dogs (7)"
    other.get_by_role("button", name="Remove dogs").click()
    other.get_by_role("button", name="Yes, remove").click()
    other.get_by_text(f"{PICTURES} pictures in this data set").wait_for()
    for page in (one, other):
        assert page.errors == []
        page.close()


STATE = """() => JSON.stringify([document.querySelector('.ris-query strong')?.textContent,
  [...document.querySelectorAll('.ris-card')].map(e => e.dataset.id),
  [...document.querySelectorAll('.ris-controls input')].map(e => [e.value, e.checked]),
  document.querySelector('.ris-box')?.style.cssText,
  [...document.querySelectorAll('.ris-searched li')].map(e => e.textContent),
  [...document.querySelectorAll('.ris-mark')].map(e => e.ariaPressed)])"""


def state(page):
    """Return what a visitor has in front of them: query, hits, settings, region, marks."""
    return json.loads(page.evaluate(STATE))


def wait_for_state(page, wanted):
    """Wait until the visitor has this in front of them."""
    text = json.dumps(wanted, separators=(",", ":"), ensure_ascii=False)
    page.wait_for_function(f"wanted => ({STATE})() === wanted", arg=text)


def visitor_at_work(context, address, room):
    """Return a page with a query of two pictures, a region, marks and settings of its own."""
    page = enter(context, address)
    upload(page, [room[1][number].path for number in (11, 30, 12)])
    page.get_by_role("button", name=f"Remove {room[1][30].path.name}").click()
    page.wait_for_function("() => document.querySelectorAll('.ris-searched li').length === 1")
    for label, value in (("How many", "20"), ("Minimum score", "0.1")):
        drawn = page.locator(".ris-grid").get_attribute("data-drawn")
        page.get_by_label(label).fill(value)
        wait_for_gallery(page, drawn)
    drawn = page.locator(".ris-grid").get_attribute("data-drawn")
    page.locator(".ris-region").press("ArrowRight")
    page.locator(".ris-region").press("Enter")
    wait_for_gallery(page, drawn)
    page.get_by_text("Searching with this region.").wait_for()
    mark(page, 1, "More like this")
    mark(page, 2, "Less like this")
    search_again(page)
    mark(page, 4, "Less like this")  # not searched with yet
    page.get_by_text("1 wanted, 2 unwanted").wait_for()
    return page


def test_a_reload_keeps_query_results_and_settings(served, chromium, room):
    page = visitor_at_work(chromium, served[0], room)
    before = state(page)
    assert len(before[1]) > 5
    page.reload()
    wait_for_state(page, before)
    assert page.errors == []
    page.close()


def test_a_duplicated_tab_goes_on_and_so_does_the_first(served, chromium, room):
    page = visitor_at_work(chromium, served[0], room)
    before, session = state(page), page.evaluate("sessionStorage.session")
    with page.expect_popup() as popup:
        page.evaluate("window.open(location.href)")  # a window like this gets a copy of the storage
    twin = popup.value
    wait_for_state(twin, before)
    assert twin.evaluate("sessionStorage.session") == session
    page.wait_for_function("old => sessionStorage.session !== old", arg=session)
    drawn = twin.locator(".ris-grid").get_attribute("data-drawn")
    twin.get_by_label("How many").fill("3")
    wait_for_gallery(twin, drawn)
    assert cards(twin).count() == 3
    wait_for_state(page, before)  # the twin's slider is not this tab's
    drawn = page.locator(".ris-grid").get_attribute("data-drawn")
    page.get_by_label("How many").fill("4")
    wait_for_gallery(page, drawn)
    assert cards(page).count() == 4
    assert page.errors == []
    twin.close()
    page.close()


def test_everything_works_by_keyboard(page):
    page.locator(".ris-query .ris-thumb").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".ris-card")
    page.get_by_role("tab", name="Search").focus()
    wanted = page.evaluate(
        """() => [...document.querySelectorAll('.ris button, .ris input, .ris select, .ris-region')]
        .filter(e => e.offsetParent && e.tabIndex >= 0 && e.type !== 'radio').length"""
    )
    reached, hidden = set(), []
    for _ in range(wanted + 10):
        name, visible = page.evaluate(
            """() => { const e = document.activeElement; e.dataset.reached ||= Math.random();
            const shown = [e, e.nextElementSibling, e.closest('label')].some(
              x => x && getComputedStyle(x).outlineStyle !== 'none');
            return [e.closest('.ris') && e.type !== 'radio' ? e.dataset.reached : null, shown]; }"""
        )
        reached |= {name} - {None}
        hidden += [] if visible or name is None else [name]
        page.keyboard.press("Tab")
    assert len(reached) == wanted
    assert hidden == []
    page.locator(".ris-region").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("Searching with this region.").wait_for()
    page.get_by_label("How many").focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.querySelectorAll('.ris-card').length === 11")
    page.keyboard.press("ArrowRight")
    page.get_by_role("tab", name="Search").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Your folder").get_attribute("aria-selected") == "true"
    page.keyboard.press("ArrowLeft")


def test_every_control_has_a_name_and_every_picture_a_text(page):
    pick(page)
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('.ris input, .ris select, .ris button, .ris img')]
        .filter(e => !(e.alt || e.ariaLabel || e.textContent.trim() || e.labels?.length
          || e.querySelector?.('img[alt]'))).map(e => e.outerHTML)"""
    )
    assert nameless == []


def overflowing(page):
    """Return what sticks out on the right, once the window has settled."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page.evaluate(
        """() => [...document.querySelectorAll('.ris *')].filter(e => e.offsetParent
        && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.className)"""
    )


@pytest.mark.parametrize("width", [900, 640])  # 640 is 1280 at 200 % zoom
def test_it_fits_small_windows(page, width):
    pick(page)
    page.set_viewport_size({"width": width, "height": 900})
    assert overflowing(page) == []
    kit.shoot(page, f"page-{width}")


def test_on_a_phone_the_results_come_before_the_settings(page):
    order = "[...document.querySelector('.ris-search').children].map(e => e.className)"
    pick(page)
    assert page.evaluate(order) == ["ris-query", "ris-controls", "ris-results"]
    page.get_by_label("How many").focus()
    page.set_viewport_size({"width": 360, "height": 780})
    page.wait_for_function(f"() => {order}[1] === 'ris-results'")  # for Tab and screen readers, too
    tops = [page.locator(f".ris-{name}").bounding_box()["y"] for name in ("results", "controls")]
    assert tops == sorted(tops)
    assert page.evaluate("document.activeElement.type") == "range"  # the focus isn't lost
    assert overflowing(page) == []
    kit.shoot(page, "page-phone", full_page=True)
    page.locator(".ris-jump").click()
    assert 0 <= page.get_by_label("How many").bounding_box()["y"] < 780
    for tab in ("Your folder", "Near-duplicates"):
        page.get_by_role("tab", name=tab).click()
        assert overflowing(page) == []
        kit.shoot(page, f"page-phone-{tab.split()[-1].lower()}", full_page=True)
    page.get_by_role("tab", name="Search").click()
    page.set_viewport_size({"width": 1280, "height": 900})
    page.wait_for_function(f"() => {order}[2] === 'ris-results'")


FAINT = """() => {
  const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return text.startsWith('color(') ? [255 * r, 255 * g, 255 * b, a] : [r, g, b, a]; };
  const over = ([r, g, b, a], under) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a));
  const paper = (e) => { if (!e) return [255, 255, 255];
    const colour = parse(getComputedStyle(e).backgroundColor);
    return colour[3] === 1 ? colour : over(colour, paper(e.parentElement)); };
  const light = (colour) => { const [r, g, b] = colour.map((c) => (c /= 255) <= 0.03928
    ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (e) => { const under = paper(e);
    const ink = over(parse(getComputedStyle(e).color), under);
    const [low, high] = [light(under), light(ink)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05); };
  return [...document.querySelectorAll('.ris *')].filter((e) => e.offsetParent
    && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())
    && !e.matches('.ris-bar, .ris-rank, .ris-same, option')) // badges lie on pictures
    .map((e) => [e.className, e.textContent.slice(0, 30), ratio(e)]).filter((row) => row[2] < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_light_and_dark(page, room, scheme, tmp_path):
    page.emulate_media(color_scheme=scheme)
    pick(page)
    drawn = page.locator(".ris-grid").get_attribute("data-drawn")
    page.locator(".ris-chip").first.click()
    page.wait_for_function(REDRAWN, arg=drawn)
    (tmp_path / "letter.jpg").write_text("Dear reader, this is not a picture.")
    page.set_input_files(".ris-file", str(tmp_path / "letter.jpg"))
    page.get_by_text("“letter.jpg” can't be used").wait_for()
    ink, paper = page.eval_on_selector(
        ".ris", "e => [getComputedStyle(e).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert (brightness(ink) > brightness(paper)) is (scheme == "dark")
    assert page.evaluate(FAINT) == []
    kit.shoot(page, f"page-{scheme}")
    page.get_by_role("button", name="Clear", exact=True).click()
    for tab in ("Your folder", "Near-duplicates"):
        page.get_by_role("tab", name=tab).click()
        assert page.evaluate(FAINT) == []
    page.emulate_media(color_scheme="light")


def test_a_killed_service_is_told_and_everything_is_there_when_it_is_back(room, chromium):
    port, environ = kit.free_port(), database(room, "killed")
    with kit.service(port, room[0] / "killed.log", environ) as process:
        page = visitor_at_work(chromium, f"http://127.0.0.1:{port}", room)
        before = state(page)
        process.kill()
        notice = page.locator(".ris-notice")
        notice.get_by_text("The search service isn't answering").wait_for()
        kit.shoot(page, "page-gone")
        page.get_by_label("How many").fill("7")  # asked meanwhile: answered when it is back
        process.wait()
    assert state(page)[:2] == before[:2]  # what was found stays in sight
    with kit.service(port, room[0] / "killed.log", environ):
        notice.wait_for(state="hidden")
        settings = [["7", False], *before[2][1:]]
        marked = before[4], before[5][:14]
        wait_for_state(page, [before[0], before[1][:7], settings, before[3], *marked])
        kit.shoot(page, "page-back")
    assert page.errors == []
    page.close()


def test_a_service_without_milvus_says_why_and_the_page_shows_it(room, chromium):
    port = kit.free_port()
    environ = database(room, "no-milvus") | {"MILVUS_URI": f"http://127.0.0.1:{kit.free_port()}"}
    with kit.service(port, room[0] / "no-milvus.log", environ):
        page = kit.visit(chromium, f"http://127.0.0.1:{port}")
        page.get_by_text("No Milvus server answers at").wait_for()
        kit.shoot(page, "page-no-milvus")
        assert page.locator(".ris-strip").count() == 0
        page.close()


def test_on_another_address_only_the_link_with_the_token_opens_the_page(room, chromium):
    port, environ = kit.free_port(), database(room, "token")
    options = ("--host=0.0.0.0", "--token=not-to-be-guessed")
    with kit.service(port, room[0] / "token.log", environ, options):
        address = f"http://{kit.own_address()}:{port}/"
        page = kit.visit(chromium, address)
        page.get_by_text("This address needs a token. Open the link").wait_for()
        kit.shoot(page, "page-no-token")
        page.goto(f"{address}?token=not-to-be-guessed")
        page.wait_for_selector(".ris-strip img")
        assert page.url == address  # a token in the address bar would end up in screenshots
        page.reload()
        page.wait_for_selector(".ris-strip img")
        upload(page, room[1][11].path)
        assert first_hit(page) == room[1][11].id
        assert page.errors == []
        page.close()


@pytest.fixture
def inside(room, shared_settings):
    """The service in this process, so that what it keeps can be counted; yield (address, visitors).

    What a visitor leaves is kept for a second instead of a minute.
    """
    here = replace(
        shared_settings, dataset=room[2]["BOOTCAMP_DATASET"], milvus_uri=str(room[0] / "inside.db")
    )
    app = create_app(here)
    visitors = app.state.service.visitors = Visitors(grace=1)
    port = kit.free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}", visitors
    server.should_exit = True
    thread.join()


def test_a_closed_tab_leaves_nothing_behind(inside, chromium, room):
    address, visitors = inside
    stays = enter(chromium, address)
    goes = [visitor_at_work(chromium, address, room) for _ in range(3)]
    sessions = [weakref.ref(visitor.session) for visitor in visitors._known.values()]
    assert len(sessions) == 4
    for page in goes:
        page.close()
    wait_until(stays, lambda: len(visitors._known) == 1)
    upload(stays, room[1][3].path)  # what threads last worked on isn't theirs any more
    wait_until(stays, lambda: gc.collect() is not None and sum(map(is_alive, sessions)) == 1)
    stays.close()


def wait_until(page, condition):
    """Let the browser go on until `condition()` holds in this process."""
    end = time.monotonic() + kit.LIMIT_MS / 1000
    while not condition():
        assert time.monotonic() < end
        page.wait_for_timeout(100)


def is_alive(reference):
    return reference() is not None


@pytest.fixture(scope="module")
def lab(room, chromium):
    """Notebook 04 in JupyterLab, started with the project's configuration, all cells run."""
    folder = room[0] / "lab"
    environ = database(room, "lab")
    shutil.copy(kit.ROOT / "notebooks" / "04_search_by_image.ipynb", folder)  # the lab saves
    with kit.jupyter(folder, room[0] / "lab.log", environ) as address:
        page = run_all(chromium, f"{address}/lab/tree/04_search_by_image.ipynb?reset")
        page.wait_for_selector(".ris-strip img")
        yield page
        page.close()


def run_all(context, address):
    """Open a notebook in JupyterLab, run all its cells and return the page."""
    page = kit.visit(context, address, 1440, 1000)
    page.wait_for_selector(".jp-Notebook .jp-Cell")
    page.get_by_text(re.compile(r"\| Idle$")).wait_for()  # before, it runs nothing
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    return page


def test_notebook_04_searches_in_jupyterlab_light_and_dark(lab, room):
    upload(lab, room[1][8].path)
    assert first_hit(lab) == room[1][8].id
    box = lab.get_by_label("Web address or path")
    box.press_sequentially("dd a b")  # in command mode, "dd" deletes a cell
    assert box.input_value() == "dd a b"
    assert lab.locator(".ris").count() == 1
    box.fill("")
    lab.locator(".ris").screenshot(path=kit.SCREENS / "lab-light.png")
    theme(lab, "JupyterLab Dark")
    ink, paper = lab.eval_on_selector(
        ".ris", "e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]"
    )
    lab.locator(".ris").screenshot(path=kit.SCREENS / "lab-dark.png")
    assert brightness(ink) > 180
    assert brightness(paper) < 80
    theme(lab, "JupyterLab Light")
    assert lab.errors == []


def theme(page, name):
    """Switch JupyterLab's theme and wait until it is drawn."""
    page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{theme: '{name}'}})")
    page.wait_for_function(f"() => document.body.dataset.jpThemeName === '{name}'")
    dark = str(name.endswith("Dark")).lower()
    page.wait_for_function(
        """dark => { const [red] = getComputedStyle(document.querySelector('.ris'))
        .backgroundColor.match(/\\d+/g); return (red < 80) === dark; }""",
        arg=dark == "true",
    )


def brightness(colour):
    """Return the mean of a CSS colour's red, green and blue, 0 to 255."""
    return sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) / 3


def large(picture, path, size=12_000_000):
    """Write `picture` to `path`, made `size` bytes long by what follows the end of the JPEG."""
    content = picture.path.read_bytes()
    path.write_bytes(content + bytes(size - len(content)))
    return path


@pytest.fixture(scope="module")
def pair(room, chromium):
    """The widget over two embeddings, max and avg, in a JupyterLab of its own."""
    folder = room[0] / "pair"
    environ = database(room, "pair-data")
    folder.mkdir()
    kit.notebook(
        folder / "pair.ipynb",
        "from helpers.search import open_engine\nfrom search_app import SearchApp",
        "SearchApp(open_engine('none'), open_engine('224'))",
    )
    with kit.jupyter(folder, room[0] / "pair.log", environ) as address:
        page = run_all(chromium, f"{address}/lab/tree/pair.ipynb?reset")
        page.wait_for_selector(".ris-strip img")
        yield page
        page.close()


def scores(page):
    return page.locator(".ris-score").all_inner_texts()


def test_another_embedding_gives_other_results(pair):
    pick(pair)
    before = scores(pair)
    choice = pair.get_by_label("Searching in")
    names = choice.locator("option").evaluate_all("es => es.map(e => e.value)")
    assert len(names) == 2
    for name, same in ((names[1], False), (names[0], True)):
        drawn = pair.locator(".ris-grid").get_attribute("data-drawn")
        choice.select_option(name)
        wait_for_gallery(pair, drawn)
        assert (scores(pair) == before) is same
    kit.shoot(pair, "lab-embeddings")
    assert pair.errors == []


def test_a_kernel_that_died_is_told_in_a_sentence(pair):
    """This comes last on this page: nothing answers it any more."""
    pick(pair)
    notice = pair.locator(".ris-notice")
    pair.wait_for_timeout(11_000)  # longer than the page waits: it must not cry wolf
    assert not notice.is_visible()
    kernel = pair.evaluate("async () => (await (await fetch('/api/kernels')).json())[0].id")
    kit.kill_kernel(kernel)
    pair.get_by_label("How many").fill("5")
    notice.get_by_text("isn't answering. Reload the page").wait_for()
    assert cards(pair).count() == 12
    kit.shoot(pair, "lab-no-answer")


def choose_file(page, path):
    """Choose a file in the ipywidgets FileUpload of a notebook."""
    with page.expect_file_chooser() as chooser:
        page.locator(".widget-upload").click()
    chooser.value.set_files(str(path))


def test_the_picker_of_notebook_04_shows_a_gallery_even_for_12_mb(lab, room, tmp_path):
    old = 0
    for path in (room[1][8].path, large(room[1][20], tmp_path / "large.jpg")):
        choose_file(lab, path)
        drawn = lab.wait_for_function(
            "old => { const image = document.querySelector('.widget-output img');"
            " return image && image.src.length !== old && image.src.length; }",
            arg=old,
        )
        old = drawn.json_value()
    gallery, button = lab.locator(".widget-output img"), lab.locator(".widget-upload")
    assert gallery.bounding_box()["y"] > button.bounding_box()["y"] + 20
    assert gallery.evaluate("e => e.naturalWidth") > 400
    button.scroll_into_view_if_needed()
    kit.shoot(lab, "lab-picker")
    assert lab.errors == []


@pytest.mark.parametrize("options", [(kit.RAISED,), ()], ids=["with", "without"])
def test_only_the_projects_configuration_lets_12_mb_through(options, room, chromium, tmp_path):
    """Jupyter has to be told of it when it starts; without it the upload is lost."""
    kit.notebook(
        tmp_path / "upload.ipynb",
        "import ipywidgets\nupload, seen = ipywidgets.FileUpload(), ipywidgets.Label('ready')\n"
        "def tell(change):\n    seen.value = f\"arrived: {len(upload.value[0]['content'])}\"\n"
        "upload.observe(tell, 'value')\nipywidgets.VBox([upload, seen])",
    )
    with kit.jupyter(tmp_path, tmp_path / "lab.log", options=options) as address:
        page = run_all(chromium, f"{address}/lab/tree/upload.ipynb?reset")
        page.get_by_text("ready", exact=True).wait_for()
        choose_file(page, room[1][0].path)
        page.get_by_text(f"arrived: {room[1][0].path.stat().st_size}").wait_for()
        choose_file(page, large(room[1][0], tmp_path / "large.jpg"))
        arrived = page.get_by_text("arrived: 12000000")
        if options:
            arrived.wait_for()
        else:
            page.wait_for_timeout(8000)
            assert arrived.count() == 0
        page.close()


def test_make_lab_names_the_configuration():
    recipe = (kit.ROOT / "Makefile").read_text("utf-8")
    assert f"jupyter lab {kit.RAISED} notebooks" in recipe
