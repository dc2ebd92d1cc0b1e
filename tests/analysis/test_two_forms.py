"""Part 8, A22: two forms of one role (one per language, one per year) give the figures of one: neither hides the other."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from invented_facts import TOML, make_config, make_facts, make_tables

from kobo_sync.analysis.facts import Facts
from kobo_sync.analysis.satisfaction import open_answers, satisfaction
from kobo_sync.deliverables.figures import printed_figures
from kobo_sync.deliverables.live_values import live_values


def in_two_forms(name: str) -> Facts:
    """A zone of 25 whose rows of the form *name* came half by that form, half by its twin."""
    start = TOML.index(f"[forms.{name}]")
    end = start + re.search(rf"\n(?=\[forms\.(?!{name}[.\]])|\[server)", TOML[start:]).end()  # type: ignore[union-attr]
    twin = re.sub(rf"\[forms\.{name}(?=[.\]])", f"[forms.{name}2", TOML[start:end])
    config = make_config(TOML[:end] + twin.replace(f"{name}.xlsx", f"{name}2.xlsx") + TOML[end:])
    tables = make_tables(25, 1, "bertat")
    first = set(tables[name]["root_uuid"].iloc[: len(tables[name]) // 2])
    for table in [each for each in tables if each.partition("__")[0] == name]:
        is_first = tables[table]["root_uuid"].isin(first)
        tables[name + "2" + table.removeprefix(name)] = tables[table][~is_first].reset_index(drop=True)
        tables[table] = tables[table][is_first].reset_index(drop=True)
    facts = make_facts(25, tables=tables)
    twins = {name + "2": facts.forms[name]} if name in facts.forms else {}
    return replace(facts, config=config, zone=config.zone("bertat"), forms={**facts.forms, **twins})


@pytest.mark.parametrize("name", ["inscription", "presence", "test", "satisfaction", "besoins", "route", "focus"])
def test_two_forms_of_a_role_give_the_figures_of_one(name: str) -> None:
    one, two = make_facts(25), in_two_forms(name)
    assert list(printed_figures(two)) == list(printed_figures(one))
    assert live_values(two) == live_values(one)


def test_neither_form_hides_the_other_s_answers() -> None:
    facts = make_facts(25), in_two_forms("satisfaction")
    one, two = map(satisfaction, facts)
    assert two.intention is not None and one.intention is not None
    assert two.intention.counts == one.intention.counts
    assert [scale.counts for scale in two.scales] == [scale.counts for scale in one.scales]
    written = [{label: sorted(texts) for label, texts in open_answers(each).items()} for each in facts]
    assert written[0] == written[1]
