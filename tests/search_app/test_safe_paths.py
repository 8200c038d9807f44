"""A visitor reaches pictures below the allowed roots and nothing else."""

import os

import pytest

from search_app.safe_paths import (
    PathError,
    complete,
    is_inside,
    resolve_inside,
    resolved,
    shown,
    without_paths,
)


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "root" / "cats").mkdir(parents=True)
    (tmp_path / "root" / "Cars").mkdir()
    (tmp_path / "root" / ".hidden").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "a.jpg").write_bytes(b"secret")
    (tmp_path / "root" / "cats" / "b.jpg").write_bytes(b"cat")
    (tmp_path / "root" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "root" / "in.jpg").symlink_to(tmp_path / "root" / "cats" / "b.jpg")
    (tmp_path / "root" / "link.jpg").symlink_to(tmp_path / "secret" / "a.jpg")
    return tmp_path


def test_absolute_and_relative_paths_below_a_root_are_found(tree):
    wanted = tree / "root" / "cats" / "b.jpg"
    roots = (tree / "root",)
    assert resolve_inside(str(wanted), roots) == wanted
    assert resolve_inside(" cats/b.jpg ", roots) == wanted
    assert resolve_inside("in.jpg", roots) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "../secret/a.jpg",
        "cats/../../secret/a.jpg",
        "link.jpg",
        "out/a.jpg",
        "/etc/passwd",
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "http://127.0.0.1/",
        "~root/.bashrc",
        "a\0b",
        "",
        "nothing.jpg",
        "~nobody-has-this-name/a.jpg",
        "~\ud800/a.jpg",
        "ä" * 300,
        "a/" * 5000,
        "\udcff\ud800",
    ],
)
def test_everything_else_is_refused(tree, text):
    with pytest.raises(PathError):
        resolve_inside(text, (tree / "root",))


def test_the_answer_does_not_tell_whether_a_forbidden_file_exists(tree):
    answers = []
    for name in ("a.jpg", "b.jpg"):
        with pytest.raises(PathError) as caught:
            resolve_inside(str(tree / "secret" / name), (tree / "root",))
        answers.append(str(caught.value).replace(name, "NAME"))
    assert answers[0] == answers[1]


def test_a_neighbour_with_the_same_beginning_is_outside(tree):
    (tree / "root2").mkdir()
    assert not is_inside(tree / "root2", (tree / "root",))


def test_a_visitor_may_enter_what_a_visitor_is_shown(tree):
    one, two = (tree / "root",), (tree / "root", tree / "secret")
    wanted = tree / "root" / "cats" / "b.jpg"
    assert shown(wanted, one) == "cats/b.jpg"
    assert shown(wanted, two) == "root/cats/b.jpg"
    assert shown(tree / "root", one) == shown(tree / "root", two) == "root"
    assert shown("/elsewhere/a.jpg", two) == "a.jpg"
    for roots in (one, two):
        for path in (wanted, wanted.parent, tree / "root"):
            assert resolve_inside(shown(path, roots), roots) == path


def test_refusals_name_no_absolute_path(tree):
    for text in ("nothing.jpg", "~root/.bashrc", "a/" * 5000):
        for roots in ((tree / "root",), (tree / "root", tree / "secret"), ()):
            with pytest.raises(PathError) as caught:
                resolve_inside(text, roots)
            assert str(tree) not in str(caught.value)
    with pytest.raises(PathError, match="below “root” or “secret”"):
        resolve_inside("nothing", (tree / "root", tree / "secret"))


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("{root}/cats/b.jpg is cut off.", "root/cats/b.jpg is cut off."),
        ("Nothing can be written to {root} (full).", "Nothing can be written to root (full)."),
        ("“/opt/app/data/milvus.db” is damaged.", "“milvus.db” is damaged."),
        (r"C:\Users\ann\pets\a.jpg is damaged.", "a.jpg is damaged."),
        ("Ask https://example.org/a/b.jpg for it.", "Ask https://example.org/a/b.jpg for it."),
        ("500 × 375 pixels/s and/or more", "500 × 375 pixels/s and/or more"),
    ],
)
def test_sentences_lose_their_absolute_paths(tree, sentence, told):
    assert without_paths(sentence.format(root=tree / "root"), (tree / "root",)) == told


def test_roots_are_compared_without_their_links(tree):
    (tree / "link").symlink_to(tree / "root")
    roots = resolved([tree / "link", str(tree / "root"), tree / "secret"])
    assert roots == (tree / "root", tree / "secret")
    assert is_inside(tree / "link" / "cats", roots)


def test_completion_stays_visible_and_inside(tree):
    root = tree / "root"
    (root / ".hidden" / "inside").mkdir()
    assert complete("", (root,)) == ["root"]
    assert complete("ca", (root,)) == complete(" CA", (root,)) == ["Cars", "cats"]
    assert complete(str(root) + os.sep, (root,)) == ["Cars", "cats"]
    assert complete("root/ca", (root, tree / "secret")) == ["root/Cars", "root/cats"]
    assert complete("cats", (root,)) == ["cats"]
    hidden = (".", ".hidden", ".hidden/", ".hidden/in")
    for text in (str(tree / "sec"), "out/", *hidden, "x/" * 5000, "~a\0b", "~\ud800"):
        assert complete(text, (root,)) == []
    assert complete("../", (root,)) == ["root"]
    assert complete("in", (root / ".hidden",)) == ["inside"]  # a root may be hidden itself
    for number in range(30):
        (root / f"many{number:02}").mkdir()
    assert complete("many", (root,)) == [f"many{number:02}" for number in range(20)]
