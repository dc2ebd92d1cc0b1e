"""The bundle that the wheel ships is what its sources make, to the byte. Part 9, 4."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from browser_room import REPO

BROWSER = REPO / "kobo_sync" / "station" / "browser"
SOURCE, STATIC = BROWSER / "source", BROWSER / "static"


@pytest.mark.skipif(not (shutil.which("node") and shutil.which("npm")), reason="node and npm are not installed")
def test_a_rebuild_gives_the_same_bytes(tmp_path: Path) -> None:
    build, target = tmp_path / "web", tmp_path / "static"
    shutil.copytree(SOURCE, build)
    install = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    for command in (install, ["node", "build.mjs", str(target)]):
        done = subprocess.run(command, cwd=build, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    assert {path.name for path in target.iterdir()} == {path.name for path in STATIC.iterdir()}
    for path in target.iterdir():
        assert path.read_bytes() == (STATIC / path.name).read_bytes(), f"{path.name}: run make web"


def test_every_package_in_the_bundle_has_its_licence_beside_it() -> None:
    licences = (STATIC / "licences.txt").read_text("utf-8")
    named = set(re.findall(r"^(@?[\w./-]+) \d[\w.-]* \(", licences, re.M))
    assert {
        "enketo-core",
        "enketo-transformer",
        "openrosa-xpath-evaluator",
        "jquery",
        "leaflet",
        "@noble/hashes",
    } <= named
    assert licences.count("Permission is hereby granted") > 5 and "Apache License" in licences
    assert "openrosa-xpath-evaluator 3.1.0 (Apache-2.0), changed by kobo-sync" in licences


def test_versions_are_pinned_and_no_registry_is_named() -> None:
    package = json.loads((SOURCE / "package.json").read_text("utf-8"))
    pinned = {**package["dependencies"], **package["devDependencies"], **package["overrides"]}
    assert [name for name, version in pinned.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
    lock = (SOURCE / "package-lock.json").read_text("utf-8")
    assert "://" not in lock and '"resolved"' not in lock and lock.count('"integrity"') > 100


def test_the_bundle_is_for_phones_that_are_not_new_and_asks_nobody_else() -> None:
    script = (STATIC / "form.js").read_text("utf-8")
    assert "tile.openstreetmap.org" not in script.replace("https://tile.openstreetmap.org/{z}/{x}/{y}.png", "", 1)
    assert not re.search(r"\beval\(|new Function\(", script)
    newer = r"\.(replaceAll|findLast|toSorted|groupBy)\(|structuredClone\(|Object\.hasOwn\("  # than browsers of 2021
    assert not re.search(newer, script)
