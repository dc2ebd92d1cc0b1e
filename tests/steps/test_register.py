"""The register of processing says what the settings and forms say, in the documents' language, and leaves the rest to be filled in."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import ATTENDED, Field

from kobo_sync.steps.purging.places import texts_in
from kobo_sync.steps.register import register

RETENTION = "\n[retention]\nfiles_months = 1\npersonal_months = 6\n[retention.answers_months]\nvisites = 12\n"


def _text(field: Field, tmp_path: Path, settings: str) -> str:
    field.mission.close()
    (field.mission.workspace.root / "config" / "mission.toml").write_text(settings, "utf-8")
    path = tmp_path / "registre.docx"
    report = register(field.reopen(), output=path)
    assert report.counts["forms"] == 2 and report.counts["questions"] > 3
    return "\n".join(texts_in(path.name, path.read_bytes()))


def test_it_says_purposes_data_terms_and_places(field_team: Field, tmp_path: Path) -> None:
    text = _text(field_team, tmp_path, ATTENDED + RETENTION)
    assert "Registre des traitements de données personnelles" in text and "Personnes" in text
    for told in ("savoir qui participe", "prouver qui était là", "Nom", "images et signatures", "positions"):
        assert told in text, told
    for term in (
        "effacé 1 mois après le 13/02/2025",
        "effacé 6 mois",
        "toutes les réponses de Visites : effacé 12 mois",
    ):
        assert term in " ".join(text.replace("\u202f", " ").replace("\xa0", " ").split()), term
    assert "127.0.0.1" in text and "…………" in text


@pytest.mark.parametrize(
    ("language", "told"), [("ar", "سجل معالجة المعطيات الشخصية"), ("en", "Register of processing")]
)
def test_it_is_in_the_language_of_the_documents(field_team: Field, tmp_path: Path, language: str, told: str) -> None:
    text = _text(field_team, tmp_path, ATTENDED.replace('timezone = "', f'documents = "{language}"\ntimezone = "'))
    assert told in text


def test_without_terms_it_says_that_none_is_set(field_team: Field, tmp_path: Path) -> None:
    assert "Aucun réglage ne dit encore combien de temps" in _text(field_team, tmp_path, ATTENDED)


@pytest.mark.parametrize(
    ("language", "name"), [("fr", "registre.docx"), ("en", "register.docx"), ("ar", "register.docx")]
)
def test_its_file_is_called_in_the_language_of_the_documents(field_team: Field, language: str, name: str) -> None:
    field_team.mission.close()
    settings = ATTENDED.replace('timezone = "', f'documents = "{language}"\ntimezone = "')
    (field_team.mission.workspace.root / "config" / "mission.toml").write_text(settings, "utf-8")
    register(field_team.reopen())
    assert (field_team.mission.workspace.out / name).is_file()


def test_it_says_that_archives_are_encrypted_where_they_are(field_team: Field, tmp_path: Path) -> None:
    recipient = '\n[encryption]\nrecipients = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]\n'
    assert "chiffr" in _text(field_team, tmp_path, ATTENDED + recipient)
    assert "chiffr" not in _text(field_team, tmp_path, ATTENDED)
