"""What a role's rows give by meaning, and what codes are called."""

from __future__ import annotations

import pandas as pd
from invented_facts import make_facts, table

from kobo_sync.analysis import labels, meaning


def test_rows_carry_every_meaning_even_when_the_table_is_absent() -> None:
    found = meaning.rows(make_facts(tables={}), "registration")
    assert set(meaning.MEANINGS["registration"]) <= set(found.table.columns)
    assert (found.n_received, found.n_refused, len(found.table)) == (0, 0, 0)


def test_refusals_and_rejected_rows_are_counted_and_left_out() -> None:
    rows = [
        {"zone": "bertat", "consentement": "oui", "code_participant": "BER-01"},
        {"zone": "bertat", "consentement": "non"},
        {"zone": "bertat", "consentement": "oui", "code_participant": "BER-02", "validation": "not_approved"},
    ]
    facts = make_facts(tables={"inscription": table(rows, ["zone", "consentement", "code_participant"])})
    found = meaning.rows(facts, "registration")
    assert (found.n_received, found.n_refused, found.n_rejected) == (3, 1, 1)
    assert list(found.table["person"]) == ["BER-01"]
    assert found.table["sex"].isna().all()


def test_names_compare_without_accents_case_or_order() -> None:
    assert meaning.normal_name("EL FASSI", "Naïma") == meaning.normal_name("naima", "el-fassi")
    assert meaning.normal_name("مُحَمَّد") == meaning.normal_name("محمد")
    assert meaning.normal_name(None, pd.NA) == ""


def test_detail_joins_the_repeat_with_its_parent() -> None:
    found = meaning.detail(make_facts(3), "needs", ("need", "severity"))
    assert len(found) == 3 * 7
    assert set(found["group"]) == {"ed", "sante", "cld"}


def test_written_answers_come_word_for_word() -> None:
    texts = meaning.written(make_facts(25), "satisfaction", "points_forts")
    assert '=HYPERLINK("http://x","clic") : 50 % à revoir ?' in texts
    assert all(texts)


def test_labels_fall_back_to_codes() -> None:
    facts = make_facts(0)
    assert labels.need(facts, "transport") == "Transport scolaire"
    assert labels.need(facts, "inconnu") == "inconnu"
    assert labels.choice(facts, "satisfaction", "objectifs", "neutre") == "Ni l’un ni l’autre"
    assert labels.choice(facts, "satisfaction", "groupe", "ailleurs") == "ailleurs"
    assert labels.question(facts, "absent", "q") == "q"
