"""The catalogues of texts, brought up to what the code says: `make messages`; same code and translations, same bytes.

Texts are extracted from ``t``, ``tn``, ``tc``, ``later`` and ``later_n``, and for the domain ``program`` the sentences with ``{1}`` for
values that errors, findings and reports are made of (`harvest`; parts.txt has what it cannot see); new ones stand in the ``.po`` without a translation (a test names
them), those that the code no longer has go. The ``.mo`` is what the program reads.
"""

from __future__ import annotations

import inspect
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from harvest import sentences
from jinja2.ext import babel_extract

from kobo_sync.cli.verbs import cli
from kobo_sync.config.comments import comments_of
from kobo_sync.language.catalogue import DOMAINS

PACKAGE = Path(__file__).parents[2] / "kobo_sync"
TEXTS = PACKAGE / "language" / "texts"
TRANSLATED = ("fr", "ar")  # English stands in the code
KEYWORDS = {"t": None, "tn": (1, 2), "tc": ((1, "c"), 2), "later": None, "later_n": (1, 2)}
PROGRAM = ("language/rule_titles.py", "language/setting_labels.py")
PAPERS = ("analysis", "deliverables", "documents", "forms", "language")
METHODS = {".py": "python", ".html": babel_extract}
OPTIONS = {"encoding": "utf-8", "silent": "false"}  # a template that cannot be read is told
_ON = datetime(2026, 11, 29, tzinfo=UTC)  # the files' time is no news
_FRENCH_PLURAL = (2, "(n > 1)")  # without the form for whole millions, which no text of ours needs


def domain_of(path: Path) -> str:
    """The domain that a source's texts belong to, by its folder."""
    name = path.relative_to(PACKAGE)
    if name.as_posix() in PROGRAM:
        return "program"
    if name.parts[0] == "web":
        return "pages"
    return "papers" if name.parts[0] in PAPERS else "program"


def parts() -> list[str]:
    """What sentences are put together of, that no line of the code says whole."""
    return (Path(__file__).parent / "parts.txt").read_text("utf-8").splitlines()


def sources() -> Iterator[Path]:
    """The modules and templates that may say something."""
    yield from sorted(PACKAGE.rglob("*.py"))
    yield from sorted((PACKAGE / "web" / "templates").glob("*.html"))


def starter_texts() -> Iterator[str]:
    """What `init` writes in the language of a mission's documents: the comments of its settings, and what its folders are for."""
    starter = PACKAGE / "starter"
    for path in sorted([*starter.rglob("*.toml"), *starter.rglob("*.example")]):
        yield from comments_of(path.read_text("utf-8"))
    for paragraph in (starter / "exports" / "README.md").read_text("utf-8").split("\n\n"):
        if not paragraph.startswith("#"):
            yield " ".join(paragraph.split())


def helps(command: click.Command) -> Iterator[str]:
    """The paragraphs of a verb's help, and of its verbs'."""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph:
            yield " ".join(paragraph.split())
    for each in command.commands.values() if isinstance(command, click.Group) else ():
        yield from helps(each)


def extracted(domain: str) -> Catalog:
    """The texts of a domain as the code has them."""
    catalog = Catalog(domain=domain)
    for path in sources():
        if domain_of(path) != domain:
            continue
        with path.open("rb") as file:
            texts = extract(METHODS[path.suffix], file, keywords=KEYWORDS, options=OPTIONS)
            for _, message, _, context in texts:
                catalog.add(message, locations=[(path.relative_to(PACKAGE).as_posix(), 0)], context=context)
    if domain == "program":
        texts = {
            **dict.fromkeys(parts(), "parts"),
            **dict.fromkeys(helps(cli), "cli"),
            **dict.fromkeys(starter_texts(), "starter"),
            **sentences(),
        }
        for text, module in texts.items():
            catalog.add(text, locations=[(module, 0)])
    return catalog


def po_file(language: str, domain: str) -> Path:
    """Where the texts of a domain stand in *language*."""
    return TEXTS / language / "LC_MESSAGES" / f"{domain}.po"


def stored(language: str, domain: str) -> Catalog:
    """The catalogue as it lies there; an empty one where there is none."""
    path = po_file(language, domain)
    if not path.exists():
        return Catalog(domain=domain)
    with path.open("rb") as file:
        return read_po(file, domain=domain)


def current(language: str, domain: str) -> Catalog:
    """The stored translations of what the code says now."""
    catalog = Catalog(
        locale=language, domain=domain, project="kobo-sync", version="1", copyright_holder="", fuzzy=False,
        creation_date=_ON, revision_date=_ON, header_comment=f"# {domain}: what kobo-sync says, in {language}.",
    )  # fmt: skip
    if language == "fr":
        catalog._num_plurals, catalog._plural_expr = _FRENCH_PLURAL
    translations = stored(language, domain)
    for message in extracted(domain):
        if message.id:
            before = translations.get(message.id, context=message.context)
            string = before.string if before else None
            catalog.add(message.id, string, locations=message.locations, context=message.context)
    return catalog


def written(language: str, domain: str) -> tuple[bytes, bytes]:
    """The ``.po`` and the ``.mo`` of a domain, as bytes."""
    catalog, po, mo = current(language, domain), io.BytesIO(), io.BytesIO()
    write_po(po, catalog, width=120, sort_output=True, include_lineno=False)
    write_mo(mo, catalog)
    return po.getvalue(), mo.getvalue()


def main() -> None:
    """Write every catalogue, and say how many texts it has and lacks."""
    for language in TRANSLATED:
        for domain in DOMAINS:
            po, mo = written(language, domain)
            path = po_file(language, domain)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(po)
            path.with_suffix(".mo").write_bytes(mo)
            messages = [message for message in current(language, domain) if message.id]
            lacking = sum(not message.string or not all(message.string) for message in messages)
            print(f"{language} {domain}: {len(messages)} texts, {lacking} without a translation")


if __name__ == "__main__":
    main()
