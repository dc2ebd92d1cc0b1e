"""Part 8, A22 and A26: what papers say of presence is what the mission's forms asked."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pandas as pd
import pytest
from docx import Document as open_docx
from invented_facts import TOML, make_config, make_facts, make_tables

from kobo_sync.analysis.facts import Facts
from kobo_sync.deliverables import attendance_list, evaluations, report_objectives, sentences
from kobo_sync.deliverables.live_values import live_values
from kobo_sync.language import typography

SESSION = 'session = "demi_journee"\n'
SIGNATURE = 'signature = "signature"\n'


def facts_of(n: int, *left_out: str, registers: bool = True, attends: bool = True) -> Facts:
    """A zone of *n* persons whose attendance form does not ask for what the lines *left_out* of the config name."""
    toml = TOML
    for line in left_out:
        assert line in toml
        toml = toml.replace(line, "", 1)
    if not registers:
        toml = re.sub(r"\[forms\.inscription\].*?(?=\[forms\.presence\])", "", toml, flags=re.DOTALL)
    if not attends:
        toml = re.sub(r"\[forms\.presence\].*?(?=\[forms\.test\])", "", toml, flags=re.DOTALL)
    config = make_config(toml)
    tables = {name: t for name, t in make_tables(n, 1, "bertat").items() if name.split("__")[0] in config.forms}
    facts = make_facts(n, tables=tables)
    forms = {name: form for name, form in facts.forms.items() if name in config.forms}
    return replace(facts, config=config, zone=config.zone("bertat"), forms=forms)


def words_of(facts: Facts, paper: object) -> str:
    content = next(each.content for each in paper.build(facts) if each.path.endswith(".docx"))  # type: ignore[attr-defined]
    body = open_docx(io.BytesIO(content)).element.body
    text = "\n".join("".join(t.text or "" for t in p.iter("{*}t")) for p in body.iter("{*}p"))
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("left_out", "came", "rule"),
    [
        ((), "25 personnes ont signé au moins une demi-journée, pour", "Présent·e : au moins une demi-journée signée."),
        (
            (SIGNATURE,),
            "25 personnes ont été présentes au moins une demi-journée, pour",
            "Présent·e : au moins une demi-journée déclarée par qui tient la liste, sans signature.",
        ),
        ((SESSION,), "25 personnes ont signé la liste de présence, pour", "Présent·e : une signature au moins."),
        (
            (SIGNATURE, SESSION),
            "25 personnes ont été présentes, pour",
            "Présent·e : au moins une présence déclarée par qui tient la liste, sans signature.",
        ),
    ],
)
def test_nobody_signed_where_no_signature_is_asked(left_out: tuple[str, ...], came: str, rule: str) -> None:
    facts = facts_of(25, *left_out)
    mission = replace(facts, zone=None)
    assert sentences.presence(mission).startswith(came)
    assert rule in words_of(facts, evaluations)
    if SIGNATURE in left_out:
        assert "sign" not in sentences.presence(mission) + sentences.whole_day(mission)
    if SESSION in left_out:  # who signed a whole day is not known
        assert sentences.whole_day(mission) == ""


def test_no_whole_day_where_no_half_day_is_asked() -> None:
    assert "journée entière" in words_of(facts_of(25), attendance_list)
    text = words_of(facts_of(25, SESSION), attendance_list)
    assert "journée entière" not in text
    assert "demi-journées signées deux fois" not in text


def test_nobody_is_off_a_list_that_the_mission_does_not_have() -> None:
    text = words_of(facts_of(25, registers=False), attendance_list)
    assert "25 personnes présentes, dont 20 la journée entière." in text
    assert "hors liste" not in text
    assert "inscrite" not in text


def test_a_sheet_to_sign_calls_nobody_absent() -> None:
    facts = facts_of(3)
    empty = {name: t.iloc[:0] if name == "presence" else t for name, t in facts.tables.items()}
    text = words_of(replace(facts, tables=empty), attendance_list)
    assert "3 personnes inscrites ; aucune présence reçue : feuille à signer." in text
    assert "absente" not in text


def test_no_signature_attests_where_none_is_asked() -> None:
    for left_out, signs in (((), True), ((SIGNATURE,), False)):
        facts = replace(facts_of(25, *left_out), zone=None)
        measure = report_objectives._MEASURES["attendance"]
        assert ("La signature atteste" in measure.limit(facts)) is signs
        facts = replace(facts, counts={"presence": 45})
        assert ("émargement" in measure.done(facts)) is signs


def test_a_mission_without_attendance_form_has_no_quota_reached_by_nobody() -> None:
    facts = facts_of(25, attends=False)
    text = words_of(facts, evaluations)
    assert "quota" not in text and "présent" not in text.lower()


@pytest.mark.parametrize("one_in", [1, 3])
def test_the_share_of_women_is_of_those_whose_sex_is_known(one_in: int) -> None:
    """Part 8, A26: where one row in three has no sex, and where none has."""
    facts = make_facts(40)
    without_sex = {
        name: facts.tables[name].assign(
            sexe=[None if number % one_in == 0 else sex for number, sex in enumerate(facts.tables[name]["sexe"])]
        )
        for name in ("inscription", "presence")
    }
    facts = replace(facts, tables={**facts.tables, **without_sex})
    women, men = (int(live_values(facts)[name]) for name in ("femmes", "hommes"))
    share = typography.percent(women / (women + men)) if women + men else typography.NOTHING
    assert live_values(facts)["part_femmes"] == share
    told = sentences.sexes(facts)
    assert share in told if women + men else "n’est pas connu" in told
    assert "dont le sexe est connu" in sentences.women_share_label(facts)


@pytest.mark.parametrize(
    ("n", "n_whole", "told"),
    [
        (1, 1, "1 personne présente, la journée entière"),
        (2, 2, "2 personnes présentes, toutes la journée entière"),
        (2, 1, "2 personnes présentes, dont 1 la journée entière"),
        (2, 0, "2 personnes présentes, aucune la journée entière"),
    ],
)
def test_the_whole_day_is_said_of_none_some_and_all(n: int, n_whole: int, told: str) -> None:
    """Part 8, A26."""
    facts = make_facts(n)
    rows = facts.tables["presence"]
    mornings, whole = rows[rows["demi_journee"] == "matin"], list(rows["participant"].unique())[:n_whole]
    afternoons = mornings[mornings["participant"].isin(whole)].assign(demi_journee="apres_midi")
    afternoons = afternoons.assign(root_uuid=[f"u9{place:03d}" for place in range(len(afternoons))])
    facts = replace(facts, tables={**facts.tables, "presence": pd.concat([mornings, afternoons], ignore_index=True)})
    assert told in words_of(facts, attendance_list)
