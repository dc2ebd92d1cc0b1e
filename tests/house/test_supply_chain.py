"""What the product is made of: every licence is known and allowed, the bill of materials is whole and the same each time."""

from __future__ import annotations

import json
import re

import pytest
from bill_of_materials import REPO, as_json, distributions, is_allowed, licence_of, npm_packages


def test_every_distribution_has_a_licence_that_is_allowed() -> None:
    licences = {name: licence_of(name, each) for name, each in distributions().items()}
    assert len(licences) > 50
    assert {name: text for name, text in licences.items() if not is_allowed(text)} == {}


def test_every_bundled_npm_package_has_one_too_and_its_text_lies_beside() -> None:
    packages = list(npm_packages())
    assert packages and [(name, licence) for name, _, licence, _ in packages if not is_allowed(licence)] == []
    assert all(integrity.startswith("sha512-") for *_, integrity in packages)
    assert "enketo-core" in (REPO / "kobo_sync/station/browser/static/licences.txt").read_text("utf-8")


def test_what_is_installed_is_what_the_lock_names() -> None:
    lock = (REPO / "requirements.lock").read_text("utf-8")
    pinned: dict[str, set[str]] = {}  # of some two, by the version of Python
    for name, version in re.findall(r"^([a-z0-9._-]+)(?:\[[a-z,]+\])?==([^ ;\\]+)", lock, re.MULTILINE):
        pinned.setdefault(re.sub(r"[-_.]+", "-", name), set()).add(version)
    for name, each in distributions().items():
        if name in pinned:
            assert each.version in pinned[name], name
    assert {"flask", "pandas", "pyrage", "sqlalchemy"} <= pinned.keys()


def test_the_bill_is_whole_and_the_same_each_time() -> None:
    text = as_json()
    assert text == as_json()
    document = json.loads(text)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    names = {each["name"] for each in document["components"]}
    assert {"flask", "enketo-core", "kobo_sync/station/browser/static/form.js"} <= names
    assert all(each.get("hashes") for each in document["components"] if each["type"] == "file")
    with pytest.raises(KeyError):
        document["metadata"]["timestamp"]


def test_every_component_has_its_licence_and_its_hashes() -> None:
    components = json.loads(as_json())["components"]
    without = [
        each["name"]
        for each in components
        if not each.get("licenses")
        or not (each.get("hashes") or any(ref.get("hashes") for ref in each.get("externalReferences", ())))
    ]
    assert without == [] and len(components) > 100
