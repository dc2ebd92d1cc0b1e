"""What goes wrong with one form is told, stores nothing by halves and stops no other form."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import Field

from kobo_sync.errors import KoboUnreachable, StoreError
from kobo_sync.model import Report
from kobo_sync.steps.pull import pull, rebuild
from kobo_sync.store.flat_tables import Flat
from kobo_sync.store.mirror import Mirror
from kobo_sync.store.tables import flatten

ANSWER = "une réponse qui ne se dit pas"


def _is_told(report: Report, rule: str, *words: str) -> None:
    (finding,) = report.findings
    assert (finding.rule, finding.severity, finding.where, finding.form_id) == (rule, "error", "personnes", "personnes")
    assert all(word in finding.message for word in words) and finding.hint
    assert ANSWER not in str(report) and report.has_errors


def _n_rows(field_team: Field, table: str) -> int:
    with field_team.mission.store.begin() as connection:
        return int(connection.exec_driver_sql(f'SELECT count(*) FROM "{table}"').scalar_one())


def test_an_unexpected_error_in_one_form_is_a_finding_and_the_next_form_is_pulled(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    field_team.person("NOR-01", note=ANSWER)
    field_team.person("NOR-02", note=ANSWER)
    field_team.submit("visites", {"zone": "nord"})
    mission = field_team.mission
    with monkeypatch.context() as patch:
        append = Flat.append

        def failing(flat: Flat, *rows: Any) -> None:
            if flat.form.form_id == "personnes":
                raise RuntimeError(ANSWER)
            append(flat, *rows)

        patch.setattr(Flat, "append", failing)
        patch.setattr(Flat, "write", failing)
        report = pull(mission)
    _is_told(report, "PULL011", "RuntimeError", "in mirror.py, line ")
    assert report.lines[0] == "personnes: not pulled" and report.lines[1].startswith("visites: server 1 = local 1")
    assert report.counts["new"] == 1
    assert Mirror(mission.store, mission.forms["personnes"]).cursor().last_id == -1
    assert [_n_rows(field_team, table) for table in ("data_personnes", "data_visites", "submissions", "bodies")] == [
        0,
        1,
        1,
        1,
    ]
    healed = pull(mission)
    assert healed.counts["new"] == 2 and not healed.findings and _n_rows(field_team, "data_personnes") == 2


def test_a_table_that_the_database_refuses_concerns_its_form_alone(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    field_team.person("NOR-01", note=ANSWER)
    field_team.submit("visites", {"zone": "nord"})
    lay_out = Flat._lay_out

    def refused(flat: Flat, connection: object) -> None:
        lay_out(flat, connection)  # type: ignore[arg-type]
        if flat.form.form_id == "personnes":
            connection.exec_driver_sql("CREATE TABLE twice (a, A)")  # type: ignore[attr-defined]

    with monkeypatch.context() as patch:
        patch.setattr(Flat, "_lay_out", refused)
        report = pull(field_team.mission)
        _is_told(report, "PULL011", "duplicate column name")
        assert report.counts["new"] == 1
    assert pull(field_team.mission).counts["new"] == 1
    with monkeypatch.context() as patch:
        patch.setattr(Flat, "_lay_out", refused)
        again = rebuild(field_team.mission)
    _is_told(again, "PULL011", "duplicate column name")
    assert again.counts["rebuilt"] == 1 and _n_rows(field_team, "data_personnes") == 1


def test_a_row_type_that_cannot_be_made_concerns_its_form_alone(
    field_team: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    field_team.submit("visites", {"zone": "nord"})
    row_type = flatten.RowType

    def failing(texts: dict[str, object], repeats: dict[str, object]) -> flatten.RowType:
        if "accord" in texts[""]:  # type: ignore[operator]
            raise ValueError(ANSWER)
        return row_type(texts, repeats)  # type: ignore[arg-type]

    monkeypatch.setattr(flatten, "RowType", failing)
    report = pull(field_team.mission)
    _is_told(report, "PULL011", "ValueError in flatten.py, line ")
    assert report.counts["new"] == 1


def test_a_damaged_file_and_a_silent_server_end_the_run(field_team: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    field_team.person("NOR-01")
    client = field_team.mission.reader()
    with monkeypatch.context() as silent:
        for question in ("count", "me"):
            silent.setattr(client, question, _raising(KoboUnreachable("no answer")))
        with pytest.raises(KoboUnreachable):
            pull(field_team.mission)
    field_team.mission.store.close()
    path = field_team.mission.workspace.database
    content = path.read_bytes()
    path.write_bytes(content[:20_000] + b"x" * (len(content) - 20_000))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    with pytest.raises(StoreError):
        pull(field_team.reopen())


@pytest.mark.parametrize("status", [None, 500])
def test_a_project_that_never_answers_keeps_no_other_form_from_its_rows(
    field_team: Field, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    field_team.person("NOR-01")
    field_team.submit("visites", {"zone": "nord"})
    client = field_team.mission.reader()
    count, silent = client.count, field_team.mission.store.deployments()["personnes"].asset_uid

    def counted(asset_uid: str, *rest: object) -> int:
        if asset_uid == silent:
            raise KoboUnreachable("no answer", status=status, hint="wait")
        return count(asset_uid, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "count", counted)
    report = pull(field_team.mission)
    _is_told(report, "PULL001", "no answer")
    assert report.lines[1].startswith("visites: server 1 = local 1")
    assert report.counts["new"] == 2, "the page that came before the silence is stored too"


def _raising(error: Exception) -> object:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("fault", ["unreadable", "missing", "renamed"])
def test_a_workbook_at_fault_keeps_no_other_form_from_its_rows(field_team: Field, fault: str) -> None:
    field_team.person("NOR-01", note=ANSWER)
    field_team.submit("visites", {"zone": "nord"})
    path = field_team.mission.workspace.root / "forms" / "personnes.md"
    text = path.read_text("utf-8")
    if fault == "missing":
        path.unlink()
    else:
        path.write_text("no form" if fault == "unreadable" else text.replace("| personnes |", "| people |"), "utf-8")
    mission = field_team.reopen()
    report = pull(mission)
    _is_told(report, "PULL011", "personnes.md")
    assert report.lines[1].startswith("visites: server 1 = local 1") and report.counts["new"] == 1
    path.write_text(text, "utf-8")
    assert pull(field_team.reopen()).counts["new"] == 1
