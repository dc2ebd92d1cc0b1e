"""The settings file edited key by key: what people wrote around the values stays; two people's changes put together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kobo_sync.config.list_editing import rows_of, with_rows
from kobo_sync.config.merging import Clash, changed, merge
from kobo_sync.config.toml_values import values_of, with_values
from kobo_sync.errors import ConfigError

SHIPPED = (Path(__file__).parents[2] / "config" / "mission.toml").read_text("utf-8")
GROUPS = values_of(SHIPPED)["groups"]
SESSIONS = values_of(SHIPPED)["sessions"]


def _comments(text: str) -> list[str]:
    return sorted(line.strip() for line in text.splitlines() if line.strip().startswith("#"))


@pytest.mark.parametrize(
    "changes",
    [
        {"mission.trainer": "Nadia", "mission.titles.en": "Training", "mission.titles.ar": None},
        {"quotas.default.osc_ed": 10, "quotas.zones.bertat.cld": 3},
        {
            "quotas.default.osc_ed": None,
            "quotas.default.osc_sante": None,
            "quotas.default.cld": None,
            "quotas.default": 25,
        },
        {"retention.files_months": 6, "retention.answers_months.test": 24, "notices.staff": ["a@example.org"]},
        {"groups": [GROUPS[0], GROUPS[2]]},
        {"groups": GROUPS[1:]},
        {"groups": [GROUPS[0], {"code": "x", "label": {"fr": "X"}}, {**GROUPS[1], "short": "S"}, GROUPS[2]]},
        {"groups": [*GROUPS, {"code": "x", "label": {"fr": "X", "ar": "س"}}]},
        {"sessions": SESSIONS[:1]},
        {"sessions": None},
        {"organisations": None, "mission.programme": None},
        {f"schedule.{job}": None for job in ("pull", "reconcile", "deliver", "digest", "backup")},
        {"schedule.pull": ["every 30 min", "0 6 * * *"], "schedule.deliver": ["30 18 * * *"]},
    ],
)
def test_only_what_was_changed_differs(changes: dict[str, Any]) -> None:
    text = with_values(SHIPPED, changes)
    wanted = {**values_of(SHIPPED), **changes}
    assert values_of(text) == {key: value for key, value in wanted.items() if value is not None}
    assert _comments(text) == _comments(SHIPPED)
    assert "\n\n\n" not in text
    back = {key: values_of(SHIPPED).get(key) for key in changes}
    assert values_of(with_values(text, back)) == values_of(SHIPPED)


def test_a_comment_stays_above_the_table_that_it_speaks_of() -> None:
    text = "[quotas.default]\na = 1  # one\n\n# codes of answers\n[codes]\nyes = 'oui'\n"
    assert with_values(text, {"quotas.zones.nord.a": 2}) == (
        "[quotas.default]\na = 1  # one\n\n[quotas.zones.nord]\na = 2\n\n# codes of answers\n[codes]\nyes = 'oui'\n"
    )
    assert with_values(with_values(text, {"quotas.zones.nord.a": 2}), {"quotas.zones.nord.a": None}) == text


def test_items_of_an_array_keep_their_comments_and_lines_their_ends() -> None:
    text = "[a]\r\nx = 1 # x\r\ny = [\r\n  'p', # one\r\n  'q', # two\r\n]\r\n"
    assert with_values(text, {"a.y": ["q", "r"]}).count("# two") == 1
    assert with_values(text, {"a.x": 2}) == text.replace("1 # x", "2 # x")


def test_names_with_dots_are_keys_of_their_own() -> None:
    text = '[privacy.classes]\n"visites.douar" = "ordinary"\n'
    assert values_of(text) == {'privacy.classes."visites.douar"': "ordinary"}
    assert values_of(with_values(text, {'privacy.classes."visites.douar"': "sensitive"})) == {
        'privacy.classes."visites.douar"': "sensitive"
    }


def test_tables_in_several_places_are_edited_or_refused_never_broken() -> None:
    text = "[a.b]\nq = 1\n[c]\n[a.d]\nr = 1\n# about a\n[a]\nx = 1\n"
    assert values_of(with_values(text, {"a.d.r": None, "a.x": 3})) == {"a.b.q": 1, "a.x": 3}
    with pytest.raises(ConfigError, match="cannot change"):
        with_values(text, {"a.x": 3, "a.x.y": 4})
    with pytest.raises(ConfigError, match="not valid TOML"):
        with_values("[a\n", {"a.x": 3})


def test_changes_of_two_people_are_put_together_or_asked_about() -> None:
    before, mine = {"a": 1, "b": 2, "c": 3}, {"a": 10, "b": 20}
    plan = merge(before, mine, {"a": 1, "b": 21, "c": 3, "d": 4})
    assert plan.changes == {"a": 10, "c": None} and plan.clashes == (Clash("b", 2, 20, 21),)
    assert merge(before, mine, {**before, "b": 21}, {"b": "mine"}).changes == {"a": 10, "b": 20, "c": None}
    assert merge(before, mine, {**before, "b": 21}, {"b": "theirs"}).changes == {"a": 10, "c": None}
    assert merge(before, mine, mine).changes == {} and changed(before, before) == {}


def test_rows_of_a_list_keep_their_places_columns_and_way_of_writing() -> None:
    text = "\ufeffcode;label_fr;remarque\r\nnord;Nord;voir ; plus tard\r\nsud;Sud;\r\n".replace(
        "voir ; plus tard", '"voir ; plus tard"'
    )
    assert with_rows(text, {}, "config/zones.csv") == text
    edited = with_rows(
        text, {"nord": None, "est": {"code": "est", "label_fr": "Est", "days": "2025-02-11"}}, "config/zones.csv"
    )
    assert edited == "\ufeffcode;label_fr;remarque;days\r\nsud;Sud;;\r\nest;Est;;2025-02-11\r\n"
    with pytest.raises(ConfigError, match="twice"):
        rows_of("code,x,x\na,1,2\n", "config/zones.csv")
