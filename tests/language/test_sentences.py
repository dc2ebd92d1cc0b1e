"""Whoever shows what was recorded speaks the reader's language: every sentence of the code is in the catalogue. Part 8, B31."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from catalogues import current, parts
from harvest import is_french, sentences
from pydantic import BaseModel

from kobo_sync.config.config import Config
from kobo_sync.language import sentences as translations
from kobo_sync.language.catalogue import texts_of
from kobo_sync.language.rule_titles import RULE_TITLES
from kobo_sync.language.sentences import LANGUAGES, rule_title, setting_label, translated
from kobo_sync.language.setting_labels import SETTING_LABELS
from kobo_sync.language.speaking import Code

SLOT = re.compile(r"\{(\d+)\}")
GUIDE = (Path(__file__).parents[2] / "kobo_sync" / "starter" / "docs" / "operations.md").read_text("utf-8")


def test_every_sentence_of_the_code_is_english_and_the_catalogue_has_it_in_both_languages() -> None:
    told = sentences()
    assert [text for text in told if is_french(text)] == []
    assert not set(parts()) & set(told), "no line of the code says a part whole"
    for language in LANGUAGES:
        texts = texts_of(language, "program")
        assert {text: place for text, place in told.items() if text not in texts} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_value_of_a_sentence_is_lost_or_swapped(language: Code) -> None:
    for text in [*sentences(), *parts()]:
        values = {number: f"v{number}{number}" for number in SLOT.findall(text)}
        shown = translated(SLOT.sub(lambda match, v=values: v[match[1]], text), language)
        assert all(shown.count(value) == 1 for value in values.values()), (text, shown)
        assert not re.search(r"\{\d|\[\d:", shown), shown


def test_every_arabic_text_is_arabic_and_its_quotes_and_stops_are_right() -> None:
    for message in current("ar", "program"):
        for words in message.string if isinstance(message.string, tuple) else (message.string,):
            bare = re.sub(r"\{\w+\}", "", words)
            is_arabic = (
                re.search(r"[\u0621-\u064a]", bare) or not re.search(r"\w{2}", bare) or words in (message.id, "Java")
            )
            assert not message.id or is_arabic, message.id
            assert not message.id or not re.search(r"« | »| :(?!\S)| ؟", words), words


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_that_counts_has_as_many_forms_as_its_language_asks(language: Code) -> None:
    for words in texts_of(language, "program").values():
        for slot, forms in re.findall(r"\[(\d+):([^\[\]]*\|[^\[\]]*)\]", words):
            assert len(forms.split("|")) == {"fr": 2, "ar": 4}[language], (slot, words)


def test_english_is_what_the_code_says() -> None:
    text = "presence: server 3 = local 3 · 1 new · 0 edited · 2 files stored"
    assert translated(text, "en") == text
    assert rule_title("DATA001", "en") == "Group's quota not met"
    assert setting_label("pull.page_size", "en") == "Rows asked for at once"


def test_what_an_older_desk_kept_in_french_stays_readable() -> None:
    text = "même téléphone que la soumission 12 : une personne inscrite deux fois ?"
    assert [translated(text, code) for code in ("fr", "en", "ar")] == [text] * 3


COMPOSED = [
    (
        "GET http://server:8080/api/v2/assets/ answered 401: the server refuses this account (Invalid token.)",
        "GET http://server:8080/api/v2/assets/ : réponse 401 : le serveur refuse ce compte (Invalid token.)",
        "GET http://server:8080/api/v2/assets/: الإجابة 401: الخادم يرفض هذا الحساب (Invalid token.)",
    ),
    (
        "config/mission.toml, pull.page_size: 'many': Input should be a valid integer, unable to parse string as an integer",
        "config/mission.toml, pull.page_size: 'many' : il faut un nombre entier",
        "config/mission.toml, pull.page_size: 'many': يجب أن يكون عدداً صحيحاً",
    ),
    (
        "presence: server 3 = local 3 · 1 new · 0 edited · 2 files stored",
        "presence : serveur 3 = ici 3 · nouvelles : 1 · modifiées : 0 · fichiers reçus : 2",
        "presence: الخادم 3 = هنا 3 · جديدة: 1 · معدّلة: 0 · ملفات واصلة: 2",
    ),
    (
        "3 attached files could not be downloaded: a.jpg (404), c.jpg (12 of 30 bytes came) and 2 more",
        "3 fichiers joints n’ont pas pu être téléchargés : a.jpg (404), c.jpg (12 octets reçus sur 30) et 2 de plus",
        "3 من الملفات المرفقة تعذر تنزيلها: a.jpg (404), c.jpg (وصل 12 من 30 بايت) و2 أخرى",
    ),
    (
        "same phone and same name in submission 12, on the same day: one person registered twice?",
        "même téléphone et même nom que la soumission 12, le même jour : une personne inscrite deux fois ?",
        "الهاتف نفسه والاسم نفسه كما في الإرسالية 12، في اليوم نفسه: هل هو شخص مسجَّل مرتين؟",
    ),
    (
        "a.xlsx: 'x, y' is no question of the form; the form is taken as it was before",
        "a.xlsx : 'x, y' n’est pas une question du formulaire ; le formulaire reste comme il était",
        "a.xlsx: 'x, y' ليس سؤالاً في الاستمارة؛ تبقى الاستمارة كما كانت",
    ),
    ("  quick: changes by the server's own questions", None, "  قراءة سريعة: التغييرات حسب أسئلة الخادم نفسه"),
    ("what people wrote: it stays (as it is), whole",) * 3,
    ("Sud, Groupe B", "Sud, Groupe B", "Sud، Groupe B"),
    ("الموقع أ, أسر نازحة", None, "الموقع أ، أسر نازحة"),
    (
        "there is no zone 'ouest' → the zones are: nord, Aït Bazza, sud",
        "il n’y a pas de zone 'ouest' → les zones sont : nord, Aït Bazza, sud",
        "لا توجد منطقة 'ouest' ← المناطق هي: nord، Aït Bazza، sud",
    ),
    (
        "! pull: its last run, 2026-12-01 06:00 +01, failed: its process died",
        "! pull : son dernier passage, 2026-12-01 06:00 +01, a échoué : son processus est mort",
        "! pull: فشل آخر تنفيذ، 2026-12-01 06:00 +01: ماتت عمليته",
    ),
    (
        "run 4 of pull, 2026-12-01 06:00 +01 · cut short · took 3 s",
        "passage 4 : pull, 2026-12-01 06:00 +01 · interrompu · durée : 3 s",
        "العملية 4: pull، 2026-12-01 06:00 +01 · انقطعت · المدة: 3 ث",
    ),
    (
        "visites: server 3 = local 3 · 0 deleted · 0 of 2 files missing · pulled 2026-12-01 06:00 +01 (4 min ago, complete 3 days ago)",
        "visites : serveur 3 = ici 3 · supprimées : 0 · fichiers manquants : 0 sur 2 · relevé 2026-12-01 06:00 +01 (il y a 4 min, complet il y a 3 jours)",
        "visites: الخادم 3 = هنا 3 · محذوفة: 0 · ملفات ناقصة: 0 من 2 · جُلبت 2026-12-01 06:00 +01 (قبل 4 د، كاملة قبل 3 أيام)",
    ),
    (
        "  note: “Field required, and done” → “no status”",
        "  note : « Field required, and done » → « no status »",
        "  note: «Field required, and done» ← «no status»",
    ),
    (
        "  review status: no status → on hold",
        "  statut de relecture : sans statut → mise en attente",
        "  حالة المراجعة: بلا حالة ← قيد الانتظار",
    ),
    (
        "  the file “not named.jpg”: present on the server → deleted on the server",
        "  le fichier « not named.jpg » : présent sur le serveur → supprimé sur le serveur",
        "  الملف «not named.jpg»: موجود في الخادم ← حُذف من الخادم",
    ),
    (
        "“lessons” is not written: “Interpréter, comparer, dire pourquoi.”",
        "« lessons » n’est pas rédigé : « Interpréter, comparer, dire pourquoi. »",
        "«lessons» لم يُكتب: «Interpréter, comparer, dire pourquoi.»",
    ),
]


@pytest.mark.parametrize(("text", "french", "arabic"), COMPOSED)
def test_what_is_put_together_comes_through(text: str, french: str | None, arabic: str | None) -> None:
    """Place, message, excerpt, cure, lists: each part in the reader's language, values and order kept."""
    plain = str.maketrans("\u00a0\u202f", "  ")
    if french:
        assert translated(text, "fr").translate(plain) == french
    if arabic:
        assert translated(text, "ar").translate(plain) == arabic


@pytest.mark.parametrize(
    ("n", "french", "arabic"),
    [
        (0, "0 ligne figure", "0 سطر"),
        (1, "1 ligne figure", "1 سطر "),
        (2, "2 lignes figurent", "2 سطران"),
        (3, "3 lignes figurent", "3 أسطر"),
        (11, "11 lignes figurent", "11 سطراً"),
        (100, "100 lignes figurent", "100 سطر "),
    ],
)
def test_what_is_counted_has_its_form(n: int, french: str, arabic: str) -> None:
    text = f"{n} rows are listed twice on the server"
    assert translated(text, "fr").startswith(french)
    assert translated(text, "ar").startswith(arabic)


def test_a_decimal_number_before_its_unit_has_its_comma() -> None:
    """Part 8, B31: `70.4 Go` on the settings' page."""
    assert translated("70.4 GB free in .kobo_sync", "fr") == "70,4 Go libres dans .kobo_sync"
    assert translated("70.4 GB free in .kobo_sync", "ar").startswith("70,4 ")


@pytest.mark.parametrize(
    "text",
    [
        "a: " * 4000,
        "x (y; " * 3000,
        "GET http://x answered 4: " * 800,
        "« a » : " * 2000,
        "1 and " * 2000,
        "(" * 10_000,
    ],
)
def test_a_monstrous_text_costs_a_bounded_number_of_steps(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten kilobytes from a server: no step goes back over the text, and their number hangs on the parts looked at alone."""
    steps = 0
    compare = translations._Sentence.values

    def counted(self: Any, text: str) -> dict[str, str] | None:
        nonlocal steps
        steps += 1
        return compare(self, text)

    monkeypatch.setattr(translations._Sentence, "values", counted)
    for language in LANGUAGES:
        shown = translated(text, language)
        assert re.sub(r"[^\w()]", "", shown, flags=re.UNICODE).count("x") == text.count("x")
    n_sentences = sum(map(len, translations._sentences("ar").by_head.values()))
    assert steps < 2 * translations.MOST_PARTS**2 * n_sentences


# ── rules ──


def test_every_code_of_the_guide_has_a_title() -> None:
    """What a finding is about, in two to six words, on the lists of the pages."""
    told = {
        code
        for line in GUIDE.splitlines()
        if line.startswith("| `")
        for code in re.findall(r"`([A-Z]{4,}\d{3})`", line)
    }
    assert len(told) > 70 and "DATA001" in told
    assert {code for code in told if not rule_title(code, "en")} == set()
    assert all(rule_title(f"DOCTOR{n:03}", "ar") for n in range(1, 12))
    for code in RULE_TITLES:
        for language in ("en", *LANGUAGES):
            assert 2 <= len(rule_title(code, language).split()) <= 7, code
    assert rule_title("OURS001", "fr") == ""


# ── settings ──


def _keys(kind: Any, prefix: str) -> Iterator[str]:
    """Every key that a settings file may have below *prefix*, ``*`` for names and numbers of items."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            key = f"{prefix}.{name}" if prefix else name
            if key not in ("zones", "secrets"):  # a list and secrets of their own
                yield key
                yield from _keys(info.annotation, key)
    elif origin is dict:
        yield f"{prefix}.*"
        yield from _keys(inner[1], f"{prefix}.*")
    elif origin is list:
        yield from _keys(inner[0], f"{prefix}.*")
    elif origin is not typing.Literal:
        for each in inner:
            yield from _keys(each, prefix)


def test_every_key_of_the_settings_has_a_label_and_no_other_has() -> None:
    keys = set(_keys(Config, ""))
    assert "forms.*.items.*.answer" in keys and "notices.smtp.host" in keys
    assert set(SETTING_LABELS) == keys
    for key in keys:
        for language in ("en", *LANGUAGES):
            assert 1 <= len(setting_label(key, language).split()) <= 9, key


def test_a_key_finds_its_label_by_what_the_mission_names() -> None:
    assert setting_label("forms.presence.items.q1.answer", "fr") == "Bonne réponse de la question du test"
    assert setting_label("groups[2].label.ar", "fr") == "Nom du groupe, dans cette langue"
    assert setting_label("quotas.zones.nord.femmes", "fr") == "Personnes attendues du groupe, dans cette zone"
    assert setting_label("pull.page_size", "ar") == "عدد الأسطر في كل طلب"
    assert setting_label("pull.no_such_key", "fr") == setting_label("nothing", "ar") == ""


def test_a_share_is_set_as_french_sets_it_and_what_somebody_wrote_stays() -> None:
    assert translated("guessed, 75% sure", "fr") == "deviné, sûr à 75\u202f%"
    assert translated("perhaps, 60% sure: write it above if it is", "fr").startswith(
        "peut-être, sûr à 60\u202f%\u00a0: "
    )
    assert translated("the role is presence, 95% sure", "fr") == "rôle presence, sûr à 95\u202f%"
    assert translated("guessed, 75% sure", "ar") == "تخمين، بثقة 75%"
    assert "75%" in translated("an expression of “75%” cannot be read", "fr")


def test_what_is_counted_is_grouped_as_the_language_writes_it_and_nothing_else() -> None:
    in_all = "1234 files in /srv/2025/4096, 18.5 s in all"
    assert translated(in_all, "fr") == "1\u202f234 fichiers dans /srv/2025/4096, 18,5 s en tout"
    assert "1\u202f234" in translated(in_all, "ar") and "18,5 ثانية" in translated(in_all, "ar")
    assert "/srv/2025/4096" in translated(in_all, "ar")
    cells = "the workbook has 12,345,678 cells"
    assert all("12\u202f345\u202f678" in translated(cells, language) for language in LANGUAGES)
    assert "1234" in translated("visites, submission 1234", "fr")  # an id
    pulled = translated("visites: server 12,345 = local 12,345 · 1,200 new · 2 files stored", "fr")
    assert (
        pulled
        == "visites\u00a0: serveur 12\u202f345 = ici 12\u202f345 · nouvelles\u00a0: 1\u202f200 · fichiers reçus\u00a0: 2"
    )
