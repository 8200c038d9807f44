"""A visitor reaches pictures below the allowed roots and nothing else."""

import os

import pytest

from search_app.safe_paths import PathError, complete, is_inside, resolve_inside


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


def test_completion_stays_visible_and_inside(tree):
    root = tree / "root"
    assert complete("", (root,)) == [str(root)]
    assert complete("ca", (root,)) == [str(root / "Cars"), str(root / "cats")]
    assert complete(str(root) + os.sep, (root,)) == [str(root / "Cars"), str(root / "cats")]
    assert complete(str(tree / "sec"), (root,)) == []
    assert complete("out/", (root,)) == []
    assert complete("../", (root,)) == [str(root)]
