"""What deploy/ gives away is pinned, hardened, agrees with the code, and its image's steps work."""

import fnmatch
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml
from needs import TEST_DATA, require
from service_kit import Client, wait_until

from helpers import settings as _settings
from helpers.features import weights
from helpers.scale import needs
from helpers.settings import ROOT
from search_app import __main__ as command
from search_app.safety import OPEN

DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
COMPOSE = ("compose.yaml", "compose.elsewhere.yaml", "search.yaml")
DOCUMENTS = ("README.md", "jupyterhub.md")
OTHERS = {  # variables of Python, TensorFlow and Matplotlib
    "PATH", "HOME", "MPLCONFIGDIR", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED",
    "PYTHON_CPU_COUNT", "TF_NUM_INTRAOP_THREADS",
}  # fmt: skip


def read(name):
    return (DEPLOY / name).read_text(encoding="utf-8")


def composed(name):
    """Return a Compose file's services, the search service as `extends` makes it."""
    services = yaml.safe_load(read(name))["services"]
    base = yaml.safe_load(read("search.yaml"))["services"]["search"]
    own = services["search"]
    services["search"] = base | own | {"environment": base["environment"] | own["environment"]}
    return services


def manifests():
    return {one["kind"]: one for one in yaml.safe_load_all(read("kubernetes.yaml"))}


def pod():
    return manifests()["Deployment"]["spec"]["template"]["spec"]


def instructions():
    """Return the Dockerfile's (word, rest) without comments, continued lines joined."""
    text = re.sub(r"^ *#.*\n", "", DOCKERFILE, flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def all_images():
    """Return every image that a file names, but for our own."""
    named = [one["image"] for name in COMPOSE[:2] for one in composed(name).values()]
    base = re.search(r"^ARG BASE=(\S+)$", DOCKERFILE, re.M)[1]
    return {image for image in [*named, base] if "reverse-image-search" not in image}


# Pins


def test_every_image_is_pinned_by_version_and_digest():
    images = all_images()
    assert len(images) == 4
    for image in images:
        assert re.fullmatch(r"[a-z.]+/[a-z/]+:[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}", image), image


def test_every_stage_of_the_image_starts_from_the_pinned_one():
    assert [rest.split()[0] for word, rest in instructions() if word == "FROM"] == ["${BASE}"] * 2


def test_our_image_has_the_projects_version_everywhere():
    ours = {composed(name)["search"]["image"] for name in COMPOSE[:2]}
    assert ours == {f"reverse-image-search:{VERSION}"}
    (container,) = pod()["containers"]
    assert container["image"].endswith(f"/reverse-image-search:{VERSION}")
    texts = "".join(map(read, (*DOCUMENTS, "Dockerfile")))
    assert set(re.findall(r"reverse-image-search:([\d.]+\d)", texts)) == {VERSION}


def test_milvus_has_the_clients_major_version_and_one_version_everywhere():
    standalone = re.search(r":v([\d.]+)@", composed("compose.yaml")["milvus"]["image"])[1]
    values = yaml.safe_load(read("milvus-values.yaml"))
    assert values["image"]["all"]["tag"] == f"v{standalone}"
    client = re.search(r"^pymilvus==([\d.]+)", (ROOT / "requirements.lock").read_text(), re.M)[1]
    assert standalone.split(".")[:2] == client.split(".")[:2]


def test_packages_come_from_the_lock_with_hashes_and_the_weights_are_the_right_ones():
    runs = " && ".join(rest for word, rest in instructions() if word == "RUN")
    (installed,) = [" ".join(step.split()) for step in runs.split("&&") if "pip install" in step]
    assert "pip install --quiet --require-hashes -r requirements.lock" in installed
    assert f"ARG WEIGHTS_SHA256={weights.SHA256}\n" in DOCKERFILE
    assert f"/opt/keras/models/{weights.FILE}" in DOCKERFILE
    assert "sha256sum --check --strict" in runs


# Schemas


def compose_schema():
    found = importlib.util.find_spec("check_jsonschema")
    require(found, "the Compose specification's schema; install check-jsonschema")
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    return json.loads(vendored.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_files_follow_the_specification(name):
    schema = compose_schema()
    jsonschema.validate(yaml.safe_load(read(name)), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"search": {"read_onyl": True}}}, schema)


@pytest.mark.parametrize("name", COMPOSE[:2])
def test_compose_itself_accepts_the_files(name):
    """It needs no engine for this."""
    tool = shutil.which(
        "docker-compose", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    )
    require(tool is not None, "docker-compose; install what requirements-dev.lock names")
    secret = {name: "x" for name in ("MILVUS_URI", "MILVUS_TOKEN", *required("compose.yaml"))}
    told = [tool, "--env-file", os.devnull, "-f", str(DEPLOY / name), "config", "--format=json"]
    done = subprocess.run(
        told, env=os.environ | secret, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    search = json.loads(done.stdout)["services"]["search"]
    assert search["read_only"] is True
    assert search["environment"]["MILVUS_TOKEN"]
    without = {key: value for key, value in os.environ.items() if key not in secret}
    done = subprocess.run(told, env=without, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "missing a value" in done.stderr


def required(name):
    return set(re.findall(r"\$\{([A-Z_]+):\?", read(name)))


def test_kubernetes_manifests_follow_its_schemas():
    require(importlib.util.find_spec("kubernetes_validate"), "kubernetes-validate")
    import kubernetes_validate

    found = manifests()
    assert set(found) == {"PersistentVolumeClaim", "Deployment", "Service"}
    for one in found.values():
        kubernetes_validate.validate(one, "1.34", strict=True)
    del found["Deployment"]["spec"]["selector"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(found["Deployment"], "1.34", strict=True)


def test_manifests_refer_to_what_is_there():
    found, spec = manifests(), pod()
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels
    volumes = {one["name"]: one for one in spec["volumes"]}
    claim = volumes["data"]["persistentVolumeClaim"]["claimName"]
    assert claim == found["PersistentVolumeClaim"]["metadata"]["name"]
    (container,) = spec["containers"]
    assert {one["name"] for one in container["volumeMounts"]} == set(volumes)


# Agreement with the code


def variables():
    """Return the environment that each deployment gives to the service."""
    image = re.findall(r"(?<=[ \t])([A-Z_]+)=", dict(instructions())["ENV"])
    (container,) = pod()["containers"]
    return {
        *image,
        *(key for name in COMPOSE[:2] for key in composed(name)["search"]["environment"]),
        *(one["name"] for one in container["env"]),
    }


def test_every_variable_is_a_setting():
    source = (ROOT / "helpers" / "settings.py").read_text(encoding="utf-8")
    settings = set(re.findall(r"(?:env\.get|value)\(\"([A-Z_]+)\"", source))
    found = variables()
    assert {"BOOTCAMP_DATA", "KERAS_HOME", "MILVUS_URI", "MILVUS_TOKEN"} <= found
    assert found - settings - OTHERS == set()


def test_the_port_is_the_commands_own():
    port = command.parse([]).port
    assert f"PORT ?= {port}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert ("EXPOSE", str(port)) in instructions()
    assert f"http://127.0.0.1:{port}/healthz" in DOCKERFILE
    (container,) = pod()["containers"]
    (exposed,) = container["ports"]
    assert exposed["containerPort"] == manifests()["Service"]["spec"]["ports"][0]["port"] == port
    for name in COMPOSE[:2]:
        (published,) = composed(name)["search"]["ports"]
        assert published.endswith(f":{port}:{port}")


def test_probes_ask_what_answers_without_a_token():
    (container,) = pod()["containers"]
    asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness")}
    asked["readiness"] = container["readinessProbe"]["httpGet"]
    assert {kind: one["path"] for kind, one in asked.items()} == {
        "startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz",
    }  # fmt: skip
    assert {one["path"] for one in asked.values()} <= OPEN
    assert {one["port"] for one in asked.values()} == {"http"}


def test_the_token_is_where_the_image_looks_for_it():
    told = json.loads(next(rest for word, rest in reversed(instructions()) if word == "CMD"))
    place = told[-1]
    assert place == "/run/secrets/token"  # where Compose puts a secret called token
    for name in COMPOSE[:2]:
        assert yaml.safe_load(read(name))["secrets"] == {"token": {"file": "./secrets/token"}}
        assert composed(name)["search"]["secrets"] == ["token"]
    (container,) = pod()["containers"]
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    (item,) = next(v for v in pod()["volumes"] if v["name"] == "token")["secret"]["items"]
    assert f"{mounts['token']}/{item['path']}" == place


# Hardening


def test_the_container_may_do_nothing_but_serve():
    user = next(rest for word, rest in instructions() if word == "USER")
    assert user.split(":")[0] not in ("0", "root")
    for name in COMPOSE[:2]:
        search = composed(name)["search"]
        assert search["user"] == user
        assert search["read_only"] is True
        assert search["cap_drop"] == ["ALL"]
        assert search["security_opt"] == ["no-new-privileges:true"]
        pictures = next(one for one in search["volumes"] if isinstance(one, dict))
        assert pictures["read_only"] is True
    (container,) = pod()["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["runAsUser"] == int(user.split(":")[0])
    assert pod()["automountServiceAccountToken"] is False


def test_every_service_is_limited_checked_and_kept():
    services, top = composed("compose.yaml"), yaml.safe_load(read("compose.yaml"))
    assert set(services) == {"etcd", "minio", "milvus", "search"}
    for name, service in services.items():
        assert {"mem_limit", "cpus", "volumes", "networks"} <= service.keys(), name
        assert service["restart"] == "unless-stopped", name
        assert any(str(one).startswith(f"{name}:") for one in service["volumes"]), name
        assert name in top["volumes"]
        if name != "search":  # whose image says how
            assert service["healthcheck"]["test"][0] == "CMD", name
    assert any(word == "HEALTHCHECK" for word, _ in instructions())
    assert top["networks"]["inner"] == {"internal": True}
    assert services["etcd"]["networks"] == services["minio"]["networks"] == ["inner"]


def test_nobody_else_gets_in_unless_told_so():
    for name in COMPOSE[:2]:
        for service in composed(name).values():
            for port in service.get("ports", []):
                assert re.match(r"127\.0\.0\.1:|\$\{BIND:-127\.0\.0\.1\}:", port), port


def test_no_password_is_written_down():
    texts = [*map(read, COMPOSE), read("kubernetes.yaml"), read("milvus-values.yaml"), DOCKERFILE]
    for text in texts:
        for name, value in re.findall(r"(?m)^\s*(\w*(?:PASSWORD|TOKEN|SECRET\w*)): +(\S+)", text):
            assert re.match(r"(&\w+ )?\$\{|\*|&|root:\$\{", value), name
    assert {".env", "secrets/"} <= set(read(".gitignore").split())
    assert {"MINIO_PASSWORD", "MILVUS_PASSWORD"} == required("compose.yaml")
    assert {"MILVUS_URI", "MILVUS_TOKEN"} == required("compose.elsewhere.yaml")


def test_the_cluster_holds_what_the_capacity_model_asks_for():
    text, values = read("milvus-values.yaml"), yaml.safe_load(read("milvus-values.yaml"))
    assert "needs(10_000_000, 64, 'HNSW')" in text
    wanted = needs(10_000_000, 64, "HNSW")
    node = values["queryNode"]
    assert node["replicas"] * gib(node["resources"]["limits"]["memory"]) * 0.75 >= wanted.memory
    # The chart makes four MinIO servers, and half of what they hold is parity.
    assert 4 * gib(values["minio"]["persistence"]["size"]) / 2 >= 1.5 * wanted.disk


def gib(text):
    return int(text.removesuffix("Gi")) * 2**30


# Documents


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_name_only_what_exists(name):
    text = read(name)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (DEPLOY / target).exists(), target
    for path in re.findall(r"(?<![\w/])deploy/[\w./-]*\w", text):
        assert (ROOT / path).exists() or path in {"deploy/.env", "deploy/secrets",
            "deploy/secrets/token", "deploy/pictures"}, path  # fmt: skip
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    commands = set(re.findall(r"(?:^|`|sudo |\" )make ([a-z-]+)", text, re.M))
    assert commands - targets == set()
    for module in re.findall(r"python3? -m ((?:helpers|search_app)[\w.]*)", text):
        assert importlib.util.find_spec(module), module


def test_every_variable_of_the_compose_files_is_explained():
    used = {one for name in COMPOSE for one in re.findall(r"\$\{([A-Z_]+)", read(name))}
    assert len(used) > 8
    assert {one for one in used if f"`{one}`" not in read("README.md")} == set()


def test_the_sums_for_a_class_are_right():
    text = read("jupyterhub.md")
    rows = re.findall(r"^\| .*? \| (\d+) × ([\d.]+) GB \| ([\d.]+) GB \|$", text, re.M)
    assert len(rows) > 4
    for count, each, total in rows:
        assert float(total) == pytest.approx(int(count) * float(each))
    whole = re.search(r"^\| \*\*together\*\* \| \| \*\*([\d.]+) GB\*\* \|$", text, re.M)[1]
    assert float(whole) == pytest.approx(sum(float(total) for *_, total in rows))


# The image's steps, and what it starts


def test_serving_needs_a_token(tmp_path):
    (tmp_path / "empty").write_text("\n")
    for name, why in (("absent", "can't be read"), ("empty", "is empty")):
        done = subprocess.run(
            [sys.executable, DEPLOY / "serve.py", tmp_path / name], cwd=ROOT, check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1
        assert why in done.stderr
        assert "Traceback" not in done.stderr


def ignored(path):
    """Return whether the builder never gets to see `path`, relative to the root."""
    lines = read("Dockerfile.dockerignore").splitlines()
    verdict = False
    for line in filter(lambda one: one and not one.startswith("#"), lines):
        pattern, keep = line.removeprefix("!"), line.startswith("!")
        parts = path.split("/")
        begins = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if pattern.startswith("**/"):
            hit = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in parts)
        else:
            hit = any(fnmatch.fnmatchcase(one, pattern) for one in begins)
        verdict = not keep if hit else verdict
    return verdict


def copy_context(app):
    """Do the Dockerfile's COPY steps from the project into the folder `app`."""
    for source, target in re.findall(r"^COPY (?!--from)(\S+) (\S+)$", DOCKERFILE, re.M):
        paths = [ROOT / source, *(ROOT / source).rglob("*")]
        for path in filter(lambda one: one.is_file(), paths):
            if not ignored(path.relative_to(ROOT).as_posix()):
                inside = path.relative_to(ROOT / source) if path != ROOT / source else path.name
                place = app / target / inside
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, place)


def test_the_builder_sees_what_is_copied_and_no_secrets():
    for source in re.findall(r"^COPY (?!--from)(\S+) \S+$", DOCKERFILE, re.M):
        assert (ROOT / source).exists(), source
        assert not ignored(source), source
    for secret in ("deploy/secrets/token", "deploy/.env", ".git/config", "data/milvus.db/LOCK"):
        assert ignored(secret), secret
    assert ignored("helpers/__pycache__/settings.cpython-313.pyc")


def run_steps(folder):
    """Do the first stage's RUN steps with `folder` for /opt and `folder`/app for /app."""
    stage = DOCKERFILE.split("\nFROM ")[1]
    text = re.sub(r"^ *#.*\n", "", stage, flags=re.M).replace("\\\n", " ")
    for step in re.findall(r"^RUN (.*)$", text, re.M):
        environ = os.environ | {"WEIGHTS_SHA256": weights.SHA256, "BOOTCAMP_OFFLINE": "0"}
        told = step.replace("/opt", str(folder)).replace("python3 ", f"{sys.executable} ")
        subprocess.run(told, shell=True, cwd=folder / "app", env=environ, check=True)


@pytest.fixture
def fetched(tmp_path):
    """An /opt in which the weights that the tests have fetched already lie where Keras has them."""
    weights.load(_settings.from_environment({"BOOTCAMP_DATA": str(TEST_DATA)}))
    (tmp_path / "keras" / "weights").mkdir(parents=True)
    shutil.copy2(TEST_DATA / "weights" / weights.FILE, tmp_path / "keras" / "weights")
    copy_context(tmp_path / "app")
    return tmp_path


@pytest.mark.kit
def test_the_images_steps_make_a_service_that_answers(fetched):
    """All but the base image: what pip installs, what is copied, what is started, who may write."""
    run_steps(fetched)
    python = fetched / "venv" / "bin" / "python"
    serve_and_ask(fetched, python)


@pytest.mark.slow
@pytest.mark.weights
def test_what_is_copied_is_enough_to_serve(fetched):
    """The same without the installation: with the tests' own packages."""
    (fetched / "keras" / "weights").rename(fetched / "keras" / "models")
    serve_and_ask(fetched, sys.executable)


def serve_and_ask(opt, python):
    """Start the image's CMD as its user would be, who can write in /data and /tmp alone; ask it."""
    data, token = opt / "data", opt / "token"
    data.mkdir()
    pictures = sorted((opt / "app" / "data" / "sample" / "JPEGImages").glob("*.jpg"))[:24]
    for path in pictures:
        (data / "pictures").mkdir(exist_ok=True)
        shutil.copy2(path, data / "pictures")
    token.write_text("a-token-from-a-file\n")
    listener = command.listen("127.0.0.1", 0)  # the image's port may be taken on this machine
    port = listener.getsockname()[1]
    listener.close()
    environ = {"PATH": os.environ["PATH"], "HOME": str(opt / "nowhere")}
    environ |= {"KERAS_HOME": str(opt / "keras"), "PYTHONDONTWRITEBYTECODE": "1"}
    environ |= {"BOOTCAMP_DATA": str(data), "BOOTCAMP_ROOTS": str(data)}
    environ |= {"BOOTCAMP_DATASET": str(data / "pictures"), "BOOTCAMP_OFFLINE": "1"}
    environ |= {"BOOTCAMP_PRECISION": "float32"}  # which needs no preparation
    drop = ["setpriv", "--bounding-set=-dac_override"] if not os.geteuid() else []
    for path in [opt / "app", *(one for one in (opt / "app").rglob("*") if one.is_dir())]:
        path.chmod(0o555)
    with (data / "log").open("w") as log:
        running = subprocess.Popen([*drop, python, "serve.py", str(token), f"--port={port}"],
            cwd=opt / "app", env=environ, stdout=log, stderr=subprocess.STDOUT)  # fmt: skip
    try:
        ask(running, f"http://127.0.0.1:{port}", data)
        shown = Path(f"/proc/{running.pid}/cmdline").read_text()  # to everybody on this machine
        assert "serve.py" in shown
        assert "a-token-from-a-file" not in shown
    finally:
        running.terminate()
        assert running.wait(30) is not None
        for path in (opt / "app").rglob("*"):
            path.chmod(0o755 if path.is_dir() else 0o644)
        (opt / "app").chmod(0o755)


def ask(running, address, data):
    anybody, visitor = Client(address), Client(address, "a-token-from-a-file")

    def answers():
        assert running.poll() is None, (data / "log").read_text()
        try:
            return anybody.get("/healthz").ok
        except OSError:
            return False

    wait_until(answers)
    assert anybody.get("/api/collections").status_code == 401
    wait_until(lambda: running.poll() is not None or anybody.get("/readyz").ok)
    (one,) = visitor.get("/api/collections").json()["collections"]
    assert one["count"] == 24
