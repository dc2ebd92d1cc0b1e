"""What the product is made of, with licences: a CycloneDX bill of materials. Usage: ``python tests/house/bill_of_materials.py FILE`` (`make sbom`).

Python: every distribution that kobo-sync and its optional parts need, as it is installed here, which is as requirements.lock has it. Browser:
the npm packages that are bundled, with npm's own hashes, and the files that lie in the package, with theirs. Same input, same bytes: no clock, no
number drawn.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement

REPO = Path(__file__).parents[2]
BROWSER = REPO / "kobo_sync" / "station" / "browser"
EXTRAS = frozenset({"cluster", "encrypt", "export", "keyring", "postgres", "s3"})
# Licences that may be combined with ours (Apache-2.0) in what people install; of a weak copyleft alone, used as a library.
ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU"),
        *("PSF-2.0", "Unlicense", "Zlib", "ZPL-2.1", "Beerware", "BlueOak-1.0.0", "BSL-1.0"),
        *("LGPL-3.0-only", "LGPL-3.0-or-later", "MPL-2.0"),
    }
)
_WORDS = {  # how distributions without a licence expression call theirs
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "ZPL 2.1": "ZPL-2.1",
    "Zope Public License": "ZPL-2.1",
}
_READ = {  # in their licence files: their metadata do not say
    "jquery-touchswipe": "MIT OR GPL-2.0-only",
    "pypdfium2": "BSD-3-Clause AND Apache-2.0",
    "pyrage": "MIT",
    "pyxform": "BSD-2-Clause",
}


def distributions() -> dict[str, importlib.metadata.Distribution]:
    """Name → what is installed of it, of all that the product and its optional parts need on this system."""
    needed: dict[str, frozenset[str]] = {}
    to_do = [("kobo-sync", EXTRAS)]
    while to_do:
        name, extras = to_do.pop()
        name = re.sub(r"[-_.]+", "-", name).lower()
        if name in needed and extras <= needed[name]:
            continue
        needed[name] = needed.get(name, frozenset()) | extras
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # of another system, or a part that the tests keep in a folder apart (pyarrow)
        for requirement in map(Requirement, requirements):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *needed[name])):
                to_do.append((requirement.name, frozenset(requirement.extras)))
    there = {}
    for name in sorted(needed.keys() - {"kobo-sync"}):
        try:
            there[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return there


def licence_of(name: str, distribution: importlib.metadata.Distribution) -> str:
    """The licence as an SPDX expression; empty when it is not known."""
    metadata = distribution.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    short = str(metadata.get("License") or "").strip()
    if short in ALLOWED:
        return short
    classes = [
        each.split("::")[-1].strip()
        for each in metadata.get_all("Classifier") or []
        if each.startswith("License") and not each.endswith("OSI Approved")
    ]
    names = [_WORDS[each] for each in classes if each in _WORDS]
    return _WORDS.get(short) or " OR ".join(dict.fromkeys(names)) or _READ.get(name, "")


def is_allowed(expression: str) -> bool:
    """Whether one of the alternatives of an SPDX expression names nothing but what is `ALLOWED`."""
    choices = [re.findall(r"[\w.+-]+", choice) for choice in expression.strip("()").split(" OR ")]
    return any(names and set(names) - {"AND"} <= ALLOWED for names in choices)


def _chosen(expression: str) -> str:
    """The alternative that we take."""
    return next(each for each in expression.strip("()").split(" OR ") if is_allowed(each))


def npm_packages() -> Iterator[tuple[str, str, str, str]]:
    """(name, version, licence, hash as npm writes it) of what is bundled into the browser's form; tools that build it aside."""
    lock = json.loads((BROWSER / "source" / "package-lock.json").read_text("utf-8"))
    for path, each in sorted(lock["packages"].items()):
        if path and not each.get("dev") and not each.get("optional"):
            name = path.rpartition("node_modules/")[2]
            yield name, each["version"], each.get("license") or _READ.get(name, ""), each["integrity"]


def bill() -> Bom:
    """All components, by name."""
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, hashlib.sha256((REPO / "requirements.lock").read_bytes()).hexdigest()))
    bom.metadata.timestamp = None  # type: ignore[assignment]  # same input, same bytes
    bom.metadata.component = product = Component(
        name="kobo-sync",
        type=ComponentType.APPLICATION,
        version=importlib.metadata.version("kobo-sync"),
        bom_ref="kobo-sync",
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )
    locked = locked_hashes()
    for name, distribution in distributions().items():
        purl = PackageURL("pypi", None, name, distribution.version)
        library = _library(name, distribution.version, licence_of(name, distribution), purl)
        library.external_references.add(_files_of(name, distribution.version, locked.get(name, ())))
        bom.components.add(library)
    for name, version, licence, integrity in npm_packages():
        scope, _, bare = name.rpartition("/")
        component = _library(name, version, licence, PackageURL("npm", scope or None, bare, version))
        algorithm, _, digest = integrity.partition("-")
        content = base64.b64decode(digest).hex()
        component.hashes.add(HashType(alg=HashAlgorithm(algorithm.upper().replace("SHA", "SHA-")), content=content))
        bom.components.add(component)
    for path in sorted((BROWSER / "static").iterdir()):
        relative = path.relative_to(REPO).as_posix()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        # Ours and Enketo's are under the same licence; the script bundles the packages above.
        parts = {"Apache-2.0", *(_chosen(licence) for *_, licence, _ in npm_packages() if path.suffix == ".js")}
        licences = [LicenseFactory().make_from_string(" AND ".join(sorted(parts)))]
        file = Component(name=relative, type=ComponentType.FILE, bom_ref=f"file:{relative}", licenses=licences)
        file.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=digest))
        bom.components.add(file)
    bom.register_dependency(product, bom.components)
    return bom


def locked_hashes() -> dict[str, tuple[str, ...]]:
    """Name → the SHA-256 of each file that may be installed of it, as the locks pin them."""
    hashes: dict[str, tuple[str, ...]] = {}
    for lock in (
        REPO / "tests" / "compat" / "analysts.lock",
        REPO / "docs" / "deploy" / "requirements.lock",
        REPO / "requirements.lock",
    ):
        for entry in re.split(r"\n(?=\S)", lock.read_text("utf-8")):
            if found := re.match(r"([\w.-]+)(?:\[[^]]*\])?==", entry):
                name = re.sub(r"[-_.]+", "-", found[1]).lower()
                hashes[name] = tuple(sorted(re.findall(r"sha256:([0-9a-f]{64})", entry)))
    return hashes


def _files_of(name: str, version: str, hashes: tuple[str, ...]) -> ExternalReference:
    return ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(f"https://pypi.org/project/{name}/{version}/"),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in hashes],
    )


def _library(name: str, version: str, licence: str, purl: PackageURL) -> Component:
    licences = [LicenseFactory().make_from_string(licence)] if licence else []
    return Component(
        name=name,
        type=ComponentType.LIBRARY,
        version=version,
        purl=purl,
        bom_ref=purl.to_string(),
        licenses=licences,
    )


def as_json() -> str:
    """The bill as CycloneDX 1.6."""
    document = json.loads(JsonV1Dot6(bill()).output_as_string(indent=1))
    document["metadata"].pop("timestamp", None)
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(as_json(), "utf-8")
    print(f"{target}: {len(json.loads(target.read_text('utf-8'))['components'])} components")
