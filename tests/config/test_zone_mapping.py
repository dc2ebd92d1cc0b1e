"""Zones as forms say them: what the settings take, and what they refuse with the nearest names."""

from __future__ import annotations

import pytest

from kobo_sync.config.config import Config, parse_config
from kobo_sync.errors import ConfigError
from kobo_sync.forms.chosen import chosen_questions
from kobo_sync.forms.classes import classes
from kobo_sync.forms.xlsform import read_form
from kobo_sync.forms.zone_answers import ZoneReader, zone_reader
from kobo_sync.model import Form

TOML = """
[mission]
code = "x"
title = "Survey"
languages = ["en", "es"]
starts_on = 2025-03-03
ends_on = 2025-03-14
[codes]
"yes" = "1"
[forms.visits]
file = "visits.md"
[forms.visits.fields]
zone = "village"
[server]
kf = "http://127.0.0.1:1"
kc = "http://127.0.0.1:1"
"""
ZONES = "code,label_en,label_es\nnorth,North,Norte\nsouth,Río Sur,Río Sur\nA-1,Twin,Twin\nA-2,Twin,Twin\n"
VISITS = """
| survey |                   |             |                 |                 |
|        | type              | name        | label::English (en) | label::Español (es) |
|        | select_one place  | village     | Village         | Aldea           |
|        | text              | head_name   | Name of the head | Nombre         |
|        | text              | remarks     | Remarks         | Observaciones   |
|        | integer           | n_rooms     | Rooms           | Cuartos         |
|        | integer           | age         | Age             | Edad            |
|        | select_one yes_no | latrine     | Latrine         | Letrina         |
|        | select_one water  | source      | Water           | Agua            |
|        | begin_repeat      | members     | Members         | Miembros        |
|        | select_one yes_no | bed      | Bed          | Cama         |
|        | end_repeat        |             |                 |                 |
| choices |
|         | list_name | name | label::English (en) | label::Español (es) |
|         | place     | 1    | North       | Norte       |
|         | place     | 2    | Rio Sur     | Río  Sur    |
|         | place     | 3    | Far away    | Lejos       |
|         | place     | 4    | Twin        | Twin        |
|         | yes_no    | 1    | Yes         | Sí          |
|         | yes_no    | 0    | No          | No          |
|         | water     | a    | Tap         | Grifo       |
|         | water     | b    | Well        | Pozo        |
|         | water     | c    | River       | Río         |
| settings |
|         | form_title | form_id | version | default_language |
|         | Visits     | visits  | 1       | English (en)     |
"""


def config(more: str = "", zones: str = ZONES) -> Config:
    return parse_config(TOML + more, {"config/zones.csv": zones}, {})


def form() -> Form:
    return read_form(VISITS.encode(), "visits.md")


def reader(more: str = "") -> ZoneReader:
    return zone_reader(config(more), "visits", form(), {})


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("north", "north"),
        (" NORTH ", "north"),
        ("1", "north"),  # a choice whose label is the zone's name
        ("2", "south"),  # … but for accents and a space too many
        ("rio sur", "south"),
        ("norte", "north"),
        ("3", "3"),  # no zone: it stays what it is
        ("4", "4"),  # two zones are called so
        ("Twin", "Twin"),
        ("", ""),
        (None, ""),
    ],
)
def test_an_answer_means_a_zone_by_code_or_name_however_it_is_written(answer: object, code: str) -> None:
    assert reader().code(answer) == code


def test_the_settings_say_what_else_an_answer_means_and_come_first() -> None:
    mapped = reader('[forms.visits.zones]\n"LEJOS" = "south"\n"4" = "A-1"\n"1" = "A-2"\n')
    assert [mapped.code(answer) for answer in ("3", "Far away", "lejos", "4", "1", 1, 1.0)] == [
        "south", "Far away", "south", "A-1", "A-2", "A-2", "A-2",
    ]  # fmt: skip
    assert not mapped.is_plain


def test_zones_chosen_by_their_codes_need_no_reading() -> None:
    own = VISITS.replace("| 1    | North", "| north | North").replace("| 2    | Rio", "| south | Rio")
    own = own.replace("| 3    | Far", "| A-1 | Far").replace("| 4    | Twin", "| A-2 | Twin")
    assert zone_reader(config(), "visits", read_form(own.encode(), "visits.md"), {}).is_plain


def test_a_mapping_to_no_zone_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as refusal:
        config('[forms.visits.zones]\n"3" = "nort"\n')
    assert refusal.value.key == "forms.visits.zones.3" and "north" in refusal.value.hint


def test_answers_that_are_read_alike_may_not_mean_two_zones() -> None:
    with pytest.raises(ConfigError, match="'Lejos' is read as the same answer") as refusal:
        config('[forms.visits.zones]\n"Lejos" = "south"\n"LEJOS " = "north"\n')
    assert refusal.value.key.startswith("forms.visits.zones.LEJOS") and "one zone" in refusal.value.hint
    config('[forms.visits.zones]\n"Lejos" = "south"\n"LEJOS" = "south"\n')


# ── no zones ──


def test_a_survey_may_have_no_zones() -> None:
    alone = TOML.replace('[forms.visits.fields]\nzone = "village"\n', "") + '[deliverables]\nzone = ["zone_sheet"]\n'
    for lists in ({}, {"config/zones.csv": "code,label_en\n"}):
        read = parse_config(alone, lists, {})
        assert read.zones == [] and read.mission_papers == ["zone_sheet"]


@pytest.mark.parametrize("lists", [{}, {"config/zones.csv": "code,label_en\n"}])
def test_what_is_counted_by_zone_says_that_zones_are_missing(lists: dict[str, str]) -> None:
    training = TOML.replace('file = "visits.md"', 'file = "visits.md"\nrole = "attendance"')
    for text, reason in ((TOML, "forms.visits.fields.zone"), (training, "attendance")):
        with pytest.raises(ConfigError) as refusal:
            parse_config(text, lists, {})
        assert refusal.value.file == "config/zones.csv" and refusal.value.hint
        assert reason in refusal.value.message


# ── chosen questions ──


def chosen(questions: str) -> list[tuple[str, str, tuple[str, ...]]]:
    settings = config(f"[zone_sheet]\nquestions = [{questions}]\n" if questions else "")
    asked = {"visits": classes(form(), settings)}
    return [
        (each.question.name, each.shown_as, each.of) for each in chosen_questions(settings, {"visits": form()}, asked)
    ]


def test_how_a_question_is_shown_follows_from_its_type_unless_it_is_said() -> None:
    assert chosen('"visits.n_rooms", "visits.latrine", "visits.source", "visits.members/bed"') == [
        ("n_rooms", "number", ()),
        ("latrine", "share", ("1",)),
        ("source", "bars", ()),
        ("bed", "share", ("1",)),
    ]
    assert chosen('{ question = "visits.source", as = "share", of = ["a", "b"] }') == [("source", "share", ("a", "b"))]
    assert chosen('{ question = "visits.latrine", as = "bars" }') == [("latrine", "bars", ("1",))]


def test_without_a_setting_a_survey_shows_what_tells_nothing_of_persons() -> None:
    assert [name for name, *_ in chosen("")] == ["n_rooms", "latrine", "source", "bed"]


@pytest.mark.parametrize(
    ("question", "message", "hint"),
    [
        ('"visits.sorce"', "does not ask 'sorce'", "visits.source"),
        ('"vists.source"', "no form 'vists'", "visits"),
        ('"visits.head_name"', "says who somebody is", "privacy.classes"),
        ('"visits.remarks"', "type text", "take it out"),
        ('{ question = "visits.source", as = "share" }', "mean yes", 'of = ["a"]'),
        ('{ question = "visits.source", as = "share", of = ["z"] }', "'z' is no choice", "a, b, c"),
        ('{ question = "visits.n_rooms", as = "bars" }', "cannot be shown as bars", "correct its as"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_key_and_the_nearest_names(
    question: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        chosen(question)
    assert refusal.value.key == "zone_sheet.questions" and refusal.value.file == "config/mission.toml"
    assert message in refusal.value.message and hint in refusal.value.hint


def test_a_question_stands_there_once() -> None:
    with pytest.raises(ConfigError, match="twice"):
        config('[zone_sheet]\nquestions = ["visits.source", "visits.source"]\n')
