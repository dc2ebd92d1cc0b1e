"""Odd rows of an ODK Central server: kept whole, or set aside and told, and never the end of the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from central_field import PERSON, PHOTO, VISIT, CentralField, assert_same, central_field_in, mirror_truth, rules
from central_office import Fault
from central_rows import instance_xml
from central_state import Row
from conftest import PERSONNES, VISITES

from kobo_sync.central.wire import protocol
from kobo_sync.steps.pull import pull


@pytest.fixture
def there(tmp_path: Path) -> Iterator[CentralField]:
    with central_field_in(tmp_path) as field:
        yield field


def answers_of(there: CentralField, row: Row, form_id: str = "personnes") -> dict[str, object]:
    found: dict[str, object] = mirror_truth(there.mission, form_id)[row.root_id.removeprefix("uuid:")]["answers"]
    return found


def sent(there: CentralField, inner: str, meta: str = "", form_id: str = "personnes") -> Row:
    """A phone's row of XML as it is."""
    xml = f'<data id="{form_id}" version="1">{inner}{meta}</data>'
    return there.office.submit(form_id, xml.encode())


def nested() -> str:
    """The visits with a repeat inside the repeat."""
    inner = (
        "|        | begin_repeat                          | soin     | Soin                 | علاج                |            |\n"
        "|        | text                                  | acte     | Acte                 | عمل                 |            |\n"
        "|        | end_repeat                            |          |                      |                     |            |\n"
    )
    last = "|        | end_repeat                            |          |"
    at = VISITES.index(last)
    text = VISITES[:at] + inner + VISITES[at:]
    return text.replace("| Visites    | visites | 1 ", "| Visites    | visites | 2 ")


def test_nested_repeats_grow_and_shrink(there: CentralField) -> None:
    (there.workspace.root / "forms" / "visites.md").write_text(nested(), "utf-8")
    there.deploy(nested())
    there.mission = there.reopen()
    family = [{"prenom": "Awa", "soin": [{"acte": "a"}, {"acte": "b"}]}, {"prenom": "Ali", "soin": [{"acte": "c"}]}]
    row = there.visit(membre=family)
    assert there.pull().counts["new"] == 1
    assert_same(there)
    there.office.edit("visites", row, {**VISIT, "membre": [{"prenom": "Awa", "soin": [{"acte": "b"}]}]})
    assert there.pull(quick=True).counts["edited"] == 1
    assert_same(there)
    there.office.edit("visites", row, {**VISIT, "membre": [{"prenom": "Awa"}]})
    assert there.pull(quick=True).counts["edited"] == 1
    assert_same(there)


def test_ids_without_prefix_of_the_servers_own_and_with_odd_characters(there: CentralField) -> None:
    own = sent(there, "<zone>nord</zone><nom>sans identité</nom>")
    odd = [there.office.submit("personnes", PERSON, instance_id=name) for name in ("a/b?c d%", "N'é#1", "x" * 64)]
    with_files = there.office.submit("visites", {**VISIT, "photo": "p.png"}, {"p.png": PHOTO}, instance_id="v/1?%")
    assert not own.root_id.startswith("uuid:")
    assert there.pull().counts["new"] == 5
    assert_same(there)
    there.office.edit("personnes", odd[0], {**PERSON, "nom": "Autre"})
    there.office.review("personnes", odd[1], "approved")
    there.office.delete("personnes", odd[2])
    there.office.edit("visites", with_files, VISIT)
    there.forward(hours=3)
    report = there.pull(quick=True)
    assert (report.counts["edited"], report.counts["validated"], report.counts["deleted"]) == (2, 1, 1)
    assert_same(there)
    assert pull(there.mission, full=True).counts.get("edited", 0) == 0


def test_answers_are_kept_as_they_were_sent(there: CentralField) -> None:
    """What OData rounds, cuts or leaves out."""
    row = there.person("0049123", age="9007199254740993", nom="  <é> & ‘علي’ 🙂  ", note="00")
    report = there.pull()
    answers = answers_of(there, row)
    assert (answers["code"], answers["age"], answers["note"]) == ("0049123", "9007199254740993", "00")
    assert answers["nom"] == "  <é> & ‘علي’ 🙂  "
    assert not report.findings
    assert_same(there)


def test_questions_that_the_newest_version_no_longer_has_and_unknown_ones(there: CentralField) -> None:
    there.visit(membre=[{"prenom": "Awa"}], photo="p.png", files={"p.png": PHOTO})
    without = "\n".join(
        line
        for line in VISITES.splitlines()
        if not any(name in line for name in ("membre", "prenom", "annees", "end_repeat", "photo"))
    ).replace("| visites | 1 ", "| visites | 2 ")
    there.deploy(without)
    there.office.submit("visites", {**VISIT, "membre": [{"prenom": "Ali"}]}, version="1")
    there.visit()
    unknown = sent(
        there,
        "<zone>nord</zone><surprise>ici</surprise><age>douze</age>",
        "<meta><instanceID>uuid:u1</instanceID></meta>",
    )
    report = there.pull()
    assert_same(there)
    told = {finding.rule: finding.message for finding in report.findings}
    assert set(told) == {"PULL005", "PULL006"}
    assert "surprise" in told["PULL005"] and "ici" not in str(told) and "douze" not in str(told)
    assert answers_of(there, unknown)["surprise"] == "ici"


def test_a_form_without_version_and_a_version_with_odd_characters(there: CentralField) -> None:
    for version in ("", "2 / é?%"):
        there.deploy(PERSONNES.replace("| personnes | 1  ", f"| personnes | {version}  "))
        there.office.submit("personnes", {**PERSON, "code": version or "none"})
    assert there.pull().counts["new"] == 2
    assert_same(there)


def test_a_control_character_sets_its_row_aside_and_the_others_go_on(there: CentralField) -> None:
    good = there.person("N1")
    bad = sent(there, "<nom>a\x01b</nom>", "<meta><instanceID>uuid:bad</instanceID></meta>")
    report = there.pull()
    assert rules(report) == ["PULL007"]
    assert "\x01" not in str(report)
    assert list(mirror_truth(there.mission, "personnes")) == [good.root_id.removeprefix("uuid:")]
    assert rules(there.pull(quick=True)) == ["PULL007"]
    there.office.edit("personnes", bad, {**PERSON, "nom": "corrigé"})
    assert there.pull(quick=True).counts["new"] == 1
    assert_same(there)
    assert not there.pull(quick=True).findings


@pytest.mark.parametrize("is_held", [True, False])
def test_a_broken_row_is_told_the_others_go_on_and_an_edit_repairs_it(
    there: CentralField, is_held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "PAGE", 3)
    oldest = there.person("N0")
    row = there.visit({"p.png": PHOTO}, photo="p.png")
    person = there.person("N1")
    if is_held:
        there.pull()
    there.office.break_row("personnes", person, {**PERSON, "nom": "Autre"})
    there.office.break_row("visites", row, {**VISIT, "photo": "p.png"})
    newest = there.person("N2")
    for quick in (True, False):
        report = there.pull(quick=quick)
        assert rules(report) == ["PULL007", "PULL007", "PULL008", "PULL008"], report.findings
        of_person, twice = (each for each in report.findings if each.form_id == "personnes")
        assert of_person.message.endswith(f": {person.root_id}") and twice.message.endswith(f": {person.root_id}")
        assert "edit each once more there" in of_person.hint and "edit them once more" in twice.hint
        assert ("1 are here as of an earlier reading" in of_person.message) == is_held
        assert ("1 as of an earlier reading" in report.lines[0]) == is_held
        assert report.counts["quarantined"] == 2
        there.forward(hours=3)
    held = mirror_truth(there.mission, "personnes")
    wanted = {each.root_id.removeprefix("uuid:") for each in (oldest, newest, *([person] if is_held else []))}
    assert held.keys() == wanted
    # While it lasts a quick pull costs no complete scan each time.
    there.forward(hours=3)
    there.pull(quick=True)
    asked = [path for _, path in there.asked(lambda: there.pull(quick=True)) if "/personnes.svc" in path]
    assert len(asked) <= 3, asked
    there.office.edit("personnes", person, {**PERSON, "nom": "Réparé"})
    there.office.edit("visites", row, {**VISIT, "photo": "p.png"})
    report = there.pull(quick=True)
    assert report.counts["edited" if is_held else "new"] == 2
    assert_same(there)
    assert not there.pull().findings
    assert not there.pull(quick=True).findings


def test_an_encrypted_row_is_set_aside_and_never_taken_for_empty_answers(there: CentralField) -> None:
    """Of a project that was encrypted after its first rows: the clear ones stay and come, and OData would give empty ones [k03, k09]."""
    clear = there.person("N1")
    assert there.pull().counts["new"] == 1
    meta = "<orx:meta xmlns:orx='http://openrosa.org/xforms'><orx:instanceID>uuid:{}</orx:instanceID></orx:meta>"
    key = "4f6c3f0e-0000-4000-8000-000000000001"
    xml = (
        '<data id="personnes" version="1" encrypted="yes" xmlns="http://www.opendatakit.org/xforms/encrypted">'
        f"<base64EncryptedKey>AAAA</base64EncryptedKey>{meta.format(key)}"
        "<encryptedXmlFile>submission.xml.enc</encryptedXmlFile></data>"
    )
    there.office.submit("personnes", xml.encode())
    for quick in (True, False):
        report = there.pull(quick=quick)
        assert "PULL007" in rules(report) and not report.counts.get("new")
        assert list(mirror_truth(there.mission, "personnes")) == [clear.root_id.removeprefix("uuid:")]


def test_a_row_that_answers_500_for_ever_is_set_aside(there: CentralField) -> None:
    good, bad = there.person("N1"), there.person("N2")
    fault = Fault(f"submissions/{bad.root_id.replace(':', '%3A')}.xml", "error", times=-1)
    there.office.faults.append(fault)
    for quick in (False, True):
        report = there.pull(quick=quick)
        assert rules(report) == ["PULL007"] and report.counts["quarantined"] == 1
        assert report.findings[0].message.endswith(f"set aside: {bad.root_id}")
        assert "ask whoever runs it" in report.findings[0].hint
    assert list(mirror_truth(there.mission, "personnes")) == [good.root_id.removeprefix("uuid:")]
    there.office.faults.clear()
    assert there.pull(quick=True).counts["new"] == 1
    assert_same(there)


def test_a_file_that_answers_500_for_ever_is_told_and_the_others_come(there: CentralField) -> None:
    there.visit({"a.png": PHOTO}, photo="a.png")
    there.visit({"b.png": PHOTO[::-1]}, photo="b.png")
    there.office.faults.append(Fault("attachments/a.png", "error", times=-1))
    report = there.pull()
    assert rules(report) == ["PULL003"]
    assert report.counts["files_stored"] == 1
    there.office.faults.clear()
    assert there.pull().counts["files_stored"] == 1
    there.office.faults.append(Fault("attachments/a.png", "error", times=-1))  # when it is asked for once more
    report = there.pull()
    assert "PULL001" not in rules(report)
    there.office.faults.clear()
    assert_same(there)


def test_a_row_with_a_future_date_and_rows_of_one_moment(there: CentralField) -> None:
    moment = there.office.now()
    for n in range(5):
        there.office.submit("personnes", {**PERSON, "code": f"N{n}"}, at=moment)
    assert there.pull().counts["new"] == 5
    assert_same(there)
    xml = instance_xml(there.office.form("personnes"), PERSON, "uuid:late", None, "1")
    there.office.submit("personnes", xml, at=moment)
    assert there.pull(quick=True).counts["new"] == 1
    assert_same(there)


def test_of_many_rows_set_aside_five_are_named_and_the_others_counted(there: CentralField) -> None:
    bad = [there.person(f"N{n}") for n in range(7)]
    there.office.faults.append(Fault(r"submissions/.*\.xml", "html", times=-1))
    report = there.pull()
    assert rules(report) == ["PULL007"] and report.counts["quarantined"] == 7
    message = report.findings[0].message
    assert sum(row.root_id in message for row in bad) == 5 and message.endswith(" and 2 more")
    assert "the next pull reads them again" in report.findings[0].hint, "a page of HTML is no fault of the row"


def test_a_file_that_the_phone_never_sent_is_counted(there: CentralField) -> None:
    row = there.visit(photo="l.png")
    there.visit({"p.png": PHOTO}, photo="p.png")
    for _ in range(2):
        report = there.pull()
        assert report.counts["files_not_sent"] == 1 and report.counts["files_missing"] == 0
        assert "1 files that phones have not sent" in report.lines[1]
    there.office.put_file(row, "l.png", PHOTO)
    report = there.pull()
    assert report.counts["files_not_sent"] == 0 and "phones have not sent" not in report.lines[1]
