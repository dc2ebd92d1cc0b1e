"""What built files are called, in the language of a mission's documents."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kobo_sync.config.config import Config
    from kobo_sync.language.speaking import Code


@dataclass(frozen=True)
class FileName:
    """The name of a file or folder, or what it ends with, in the languages of documents.

    Arabic documents have the English names: ASCII survives every archive, mail program and disk, and a path in two scripts is
    shown in another order than it is written in.
    """

    french: str
    english: str

    def of(self, config: Config) -> str:
        """The name in a mission with these settings."""
        return self.in_language(config.mission.document_language.code)

    def in_language(self, language: Code) -> str:
        """The name where documents are in *language*."""
        return self.french if language == "fr" else self.english

    def among(self, paths: Container[str], config: Config) -> str:
        """The name that is one of *paths*: the mission's, else that of an earlier build in another language, else nothing."""
        return next((name for name in (self.of(config), *self) if name in paths), "")

    def __iter__(self) -> Iterator[str]:
        """The names in all languages."""
        yield self.french
        yield self.english


NOMINATIVE = FileName("-nominatif", "-nominative")  # what archives and folders that name people end with
DATA = FileName("donnees", "data")  # the folder and the files of `export`

# Templates may be called by either name, and what is made of them is called in the language of the documents.
REPORT = FileName("rapport-final.docx", "final-report.docx")
TOOLS = FileName("outils-andragogiques", "tools")
_TEMPLATES = (
    REPORT,
    FileName("1-plan-de-seance.docx", "1-session-plan.docx"),
    FileName("2-fiche-groupe-de-discussion.docx", "2-focus-group-sheet.docx"),
    FileName("3-fiche-arbre-a-problemes.docx", "3-problem-tree-sheet.docx"),
    FileName("4-fiche-carte-des-acteurs.docx", "4-map-of-actors-sheet.docx"),
    FileName("6-texte-de-consentement.docx", "6-consent-texts.docx"),
    FileName("7-corrige-du-test.docx", "7-test-key.docx"),
    FileName("8-liste-du-materiel.docx", "8-list-of-material.docx"),
)
_BY_NAME = {name: each for each in (*_TEMPLATES, TOOLS) for name in each}


def path_in(language: Code, path: str) -> str:
    """The *path* of a template, or of what is made of one, as it is where documents are in *language*; what is not ours stays."""
    return "/".join(_BY_NAME[part].in_language(language) if part in _BY_NAME else part for part in path.split("/"))
