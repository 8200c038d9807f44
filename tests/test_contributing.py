"""What contributors are given agrees with itself: hooks, workflows, metadata and the locks."""

import re
import tomllib

import pytest
import yaml

from helpers.settings import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MARKERS = {text.split(":")[0] for text in PROJECT["tool"]["pytest"]["ini_options"]["markers"]}


def commands(workflow):
    """Return every shell line that a workflow runs."""
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    text = "\n".join(step.get("run", "") for job in jobs for step in job["steps"])
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_hooks_use_the_locked_versions():
    lock = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    pins = [pin for repo in HOOKS["repos"] for hook in repo["hooks"]
            for pin in hook.get("additional_dependencies", [])]  # fmt: skip
    assert len(pins) == 2
    assert {pin for pin in pins if not re.search(rf"^{re.escape(pin)} ", lock, re.M)} == set()


def test_workflows_run_what_make_runs():
    assert len(WORKFLOWS) == 2
    nbval = re.search(r"--nbval-lax .* notebooks", MAKEFILE)[0]
    for workflow in WORKFLOWS:
        lines = commands(workflow)
        assert f"python -m pytest {nbval}" in lines
        (chosen,) = [line for line in lines if line.endswith("tests")]
        left_out = re.search(r'"not \((.*)\)"', chosen)[1].split(" or ")
        assert set(left_out) == MARKERS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_commit(path):
    used = re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8"))
    assert used
    assert {action for action in used if not re.search(r"@[0-9a-f]{40}$", action)} == set()


def test_the_licence_and_version_are_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = PROJECT["project"]
    assert citation["license"] == project["license"] == "Apache-2.0"
    assert citation["version"] == project["version"]
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "Apache License" in (ROOT / project["license-files"][0]).read_text(encoding="utf-8")
