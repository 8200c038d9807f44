"""The REST interface held to its own OpenAPI document, and docs/rest.md run as it stands."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import service_kit
from needs import require

from helpers.settings import ROOT

pytestmark = [pytest.mark.weights, pytest.mark.slow]
TESTS = str(ROOT / "tests")
DOCUMENT = (ROOT / "docs" / "rest.md").read_text()

JQ = f"""#!{sys.executable}
import json, re, sys
value = json.load(sys.stdin)
for name, number in re.findall(r"\\.(\\w+)|\\[(\\d+)\\]", sys.argv[-1]):
    value = value[name or int(number)]
print(value)
"""
"""What the examples need of jq, where it isn't installed."""


def test_the_service_keeps_to_its_own_document(client, tmp_path):
    name = client.name
    one = client.get(f"/api/collections/{name}/pictures").json()["pictures"][0]["id"]
    config = tmp_path / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.name" = "{name}"\n"query.id" = "{one}"\n')
    # Not asked for: that everything which fits the schema is accepted. A folder that isn't there
    # fits it, too.
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"), f"--config-file={config}", "run",
            f"{client.address}/openapi.json", "--phases=examples,coverage,fuzzing", "--seed=1",
            "--max-examples=5", "--checks=all", "--exclude-checks=positive_data_acceptance",
            "--continue-on-failure", "--generation-database=none",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "16 selected / 16 total" in done.stdout
    # What was generated may have deleted that picture; loading would bring it back, a start does.
    assert client.get("/healthz").ok


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """(client, folder to work in, the picture's id): a service of its own, with the names used."""
    folder = tmp_path_factory.mktemp("rest")
    with service_kit.service(folder) as (client, _):
        service_kit.photographs(folder / "open" / "pets", 4, 2)
        photo = next((folder / "VOC2012" / "JPEGImages").glob("*.jpg"))
        shutil.copy(photo, folder / "cat.jpg")
        listed = client.get(f"/api/collections/{client.name}/pictures").json()["pictures"]
        yield client, folder, listed[-1]["id"]


def blocks(language):
    """Return the document's code in a language, block by block."""
    found = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found
    return found


def at(address, text):
    """Return `text` with its address replaced by that of the service that runs."""
    return re.sub(r"http://(127\.0\.0\.1|192\.0\.2\.7):8866", address, text)


def test_every_curl_example_works(demo):
    client, folder, picture = demo
    require(shutil.which("curl"), "curl")
    name = client.get("/api/collections").json()["collections"][0]["name"]
    shown = client.get(f"/api/collections/{name}/pictures").json()["pictures"]
    other = next(one["id"] for one in shown if one["id"] != picture)
    (folder / "bin").mkdir()
    (folder / "bin" / "jq").write_text(JQ)
    (folder / "bin" / "jq").chmod(0o755)
    told = "%{stderr}@@ %{http_code} %{method} %{url}\\n"
    script = [
        "set -eu", f"export PATH={folder}/bin:$PATH", "TOKEN=any",
        f"curl() {{ command curl -sS -w '{told}' \"$@\"; }}",
        f"wait_for() {{ {sys.executable} -c 'import sys, service_kit; "
        "service_kit.Client(sys.argv[1]).wait_for(sys.argv[2])' "
        f'{client.address} "/api/jobs/$1"; }}',
    ]  # fmt: skip
    for block in blocks("sh"):
        if "FOLDER=" in block:  # by then it has been loaded, which the reader sees to
            script += ["""JOB=$(curl $API/jobs --json '{"folder": "pets"}' | jq -r .id)""",
                       "wait_for $JOB"]  # fmt: skip
        script.append(block.replace("2012_000008", picture).replace("2012_000012", other))
        if "JOB=" in block and "FOLDER" not in block:
            script.append("wait_for $JOB")
    done = subprocess.run(
        ["bash", "-c", at(client.address, "\n".join(script))], cwd=folder, check=False,
        capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": TESTS},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = re.findall(r"@@ (\d+) (\w+) (\S+)", done.stderr)
    calls = sum(len(re.findall(r"\bcurl ", re.sub("#.*", "", one))) for one in blocks("sh"))
    assert len(answers) == calls + 1
    refused = [one for one in answers if not one[0].startswith("2")]
    assert len(refused) == 1, refused  # example.org isn't reached from here, or has no such cat
    assert refused[0][0] == "422"
    assert (folder / "thumbnail.jpg").read_bytes().startswith(b"\xff\xd8")
    assert len(client.get("/api/collections").json()["collections"]) == 1  # pets is taken out


def test_the_python_example_works(demo):
    client, folder, _ = demo
    (code,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", at(client.address, code)], cwd=folder, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("1.000  JPEGImages/")
    assert len(lines) == 6
    assert lines[-1].startswith("done pets_")


def test_every_route_that_the_document_names_exists(demo):
    client, _, _ = demo
    paths = client.get("/openapi.json").json()["paths"]
    for method, route in re.findall(r"`(GET|POST|DELETE) (/api/(?!v1/)[^`?]+)", DOCUMENT):
        path = route.split(" ")[0].replace("/jobs/{id}", "/jobs/{job_id}")
        assert method.lower() in paths[path], route
