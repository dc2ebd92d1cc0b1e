"""What the mission is, and in which languages: the settings of ``[mission]``."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, field_validator

from kobo_sync.config.checks_and_keeping import Settings
from kobo_sync.config.languages import language_code
from kobo_sync.language.speaking import LANGUAGES, Digits, Language, first_spoken
from kobo_sync.language.speaking import Code as LanguageCode

Labels = dict[str, str]
# A text for all languages (under an empty code), or one by language.
Text = Annotated[Labels, BeforeValidator(lambda value: {"": value} if isinstance(value, str) else value)]
CODE = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"
Code = Annotated[str, Field(pattern=CODE, max_length=64)]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]  # of a mission: any other is a slip of the pen


class Mission(Settings):
    """What the mission is called, its languages and its dates; *id* is drawn by ``init``.

    *languages* are the forms', *documents* is what papers, findings and mails are written in, *digits* those of Arabic papers.
    """

    code: Code
    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,40}$")] = ""
    title: str = Field(min_length=1)
    titles: Labels = {}
    programme: str = ""
    trainer: str = ""
    data_law: str = ""
    languages: list[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]] = Field(min_length=1)
    documents: LanguageCode | None = None
    digits: Digits = "latin"
    timezone: str = "UTC"
    starts_on: Day
    ends_on: Day

    @property
    def document_language(self) -> Language:
        """What the documents are written in: `documents`, else the first of the mission's languages that the program writes."""
        return Language(self.documents or first_spoken(self.languages), self.digits)

    @property
    def document_title(self) -> str:
        """What the mission is called in its documents."""
        return self.titles.get(self.document_language.code) or self.title

    @property
    def label_languages(self) -> tuple[str, ...]:
        """The languages whose labels stand in the documents, the first that there is: the documents' own, the mission's first."""
        return tuple(dict.fromkeys((self.document_language.code, self.languages[0])))

    @property
    def written_languages(self) -> list[LanguageCode]:
        """The languages of the program that the mission's people read, the documents' own first: for sheets that go to all."""
        own = self.document_language.code
        return [own, *(code for code in LANGUAGES if code in self.languages and code != own)]

    @property
    def other_languages(self) -> list[str]:
        """The mission's languages besides the documents'."""
        return [language for language in self.languages if language != self.document_language.code]

    @field_validator("languages", mode="before")
    @classmethod
    def _languages_by_code(cls, value: Any) -> Any:
        """A language by its name is taken for its code; what is neither is refused with the cure."""
        if not isinstance(value, list):
            return value
        codes = [language_code(item) if isinstance(item, str) else item for item in value]
        for written, code in zip(value, codes, strict=True):
            if isinstance(code, str) and not re.fullmatch(r"[a-z]{2,3}", code):
                raise ValueError(f"{written!r} is no language; write its code, such as fr, en or ar")
        return list(dict.fromkeys(codes)) if all(isinstance(code, str) for code in codes) else codes

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{value!r} is no time zone; write one such as Africa/Casablanca") from error
        return value
