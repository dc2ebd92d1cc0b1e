"""The names and words of people who do not exist: config/demo.toml."""

from __future__ import annotations

import tomllib
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kobo_sync.errors import ConfigError

Pair = tuple[str, str]  # as written in the documents' language, and in Arabic
VOCABULARY_FILE = "config/demo.toml"


class People(BaseModel):
    """Names and words for invented persons."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    women: list[Pair] = [("Prénom A", ""), ("Prénom B", ""), ("Prénom C", "")]
    men: list[Pair] = [("Prénom D", ""), ("Prénom E", ""), ("Prénom F", "")]
    families: list[Pair] = [(f"Famille {letter}", "") for letter in "ABCDEFGHIJKLMNOP"]
    organisations: list[str] = ["Organisation A", "Organisation B"]
    functions: list[str] = ["Membre"]
    communes: list[str] = ["Commune A"]


class Vocabulary(BaseModel):
    """The words of a simulation: people, sentences by question name, weights by choice list.

    *inputs* says, per form, what is typed where a meaning is computed by the form itself, as templates
    over meanings (``personne_liste = "{person}"``); *walk_ins* the same for a person not on the list.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    people: People = People()
    texts: dict[str, list[str]] = {}
    weights: dict[str, list[float]] = {}
    inputs: dict[str, dict[str, str]] = {}
    walk_ins: dict[str, dict[str, str]] = {}


def parse_vocabulary(text: str) -> Vocabulary:
    """The words in *text* (TOML); neutral ones for what it leaves out. Raises: ConfigError."""
    try:
        return Vocabulary.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}", file=VOCABULARY_FILE, hint="mend that line") from error
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(str(first["msg"]), file=VOCABULARY_FILE, key=key, hint="correct it or remove it") from error
