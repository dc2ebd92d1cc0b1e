"""Deploying to ODK Central: what is unchanged is left alone, what fails half-way is finished later, what would lose answers is refused."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from central_field import PERSON, SECRETS, CentralField, assert_same, central_field_in, rules, xform
from central_office import Fault
from central_state import Form
from conftest import MISSION, PERSONNES, VISITES

from kobo_sync.central.asking import Asking
from kobo_sync.central.server import CentralServer
from kobo_sync.errors import FormError, KoboRejected, KoboUnexpected, KoboUnreachable
from kobo_sync.forms.compiler import compile_form
from kobo_sync.forms.sheets import as_workbook
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Report
from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.diff import diff
from kobo_sync.steps.pull import pull
from kobo_sync.steps.roster import refresh_roster
from kobo_sync.workspace.folders import find


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[CentralField]:
    """A project without forms."""
    with central_field_in(tmp_path, forms=False) as field:
        yield field


@pytest.fixture
def there(empty: CentralField) -> CentralField:
    """The small mission, deployed by itself."""
    assert acts(empty) == ["create", "create"]
    return empty


def acts(there: CentralField, mission: Mission | None = None, **options: object) -> list[str]:
    return acts_of(deploy(mission or there.reopen(), validate=False, **options))  # type: ignore[arg-type]


def acts_of(report: Report) -> list[str]:
    return [line.split(": ")[1].split(" ")[0] for line in report.lines if ": " in line]


def rewrite(there: CentralField, old: str, new: str, file: str = "forms/personnes.md") -> None:
    path = there.workspace.root / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def versions(there: CentralField, form_id: str = "personnes") -> list[str]:
    return [version.version for version in there.office.form(form_id).versions]


def writes(there: CentralField, before: int) -> list[str]:
    asked = there.office.requests[before:]
    return [f"{method} {path}" for method, path in asked if method != "GET" and path != "/v1/sessions"]


def media_of(form: Form) -> dict[str, bytes]:
    return {name: each.file.content for name, each in form.versions[-1].media.items() if each.file}


# ── what is there, what is not ──


def test_a_first_deployment_brings_forms_media_and_our_mark(there: CentralField) -> None:
    form = there.office.form("visites")
    assert form.draft is None and len(form.versions) == 1
    assert media_of(form)["zones.csv"].decode().splitlines()[1] == "nord,Nord / الشمال,NOR"
    assert media_of(form)["participants.csv"].decode() == "name,label,zone,group,sex,consent\n"
    asset, _ = there.mission.reader().asset("visites")
    assert asset.fingerprint["mission"] == "essai" and asset.fingerprint["form_id"] == "visites"
    assert versions(there, "visites")[0].startswith("1-")
    there.office.submit("personnes", PERSON)
    assert not there.pull().findings
    assert_same(there)


def test_unchanged_forms_cost_no_request_that_writes(there: CentralField) -> None:
    before = len(there.office.requests)
    assert acts(there) == ["skip", "skip"]
    assert writes(there, before) == []
    assert len(there.office.requests) - before <= 6  # with the session, the project and two for each form


def test_a_lost_store_and_a_second_machine_know_what_is_deployed(there: CentralField, tmp_path: Path) -> None:
    second = there.reopen(tmp_path / "second")
    assert acts(there, second) == ["skip", "skip"]
    assert {form_id: each.asset_uid for form_id, each in second.store.deployments().items()} == {
        "personnes": "personnes",
        "visites": "visites",
    }


def test_a_changed_form_gets_a_version_of_its_own_and_so_does_going_back(there: CentralField) -> None:
    rewrite(there, "Zone    ", "La zone ")
    assert acts(there, dry_run=True) == ["replace", "skip"]
    assert len(versions(there)) == 1
    assert acts(there) == ["replace", "skip"]
    assert b"La zone" in there.office.form("personnes").versions[-1].xml
    rewrite(there, "La zone ", "Zone    ")
    assert acts(there) == ["replace", "skip"]  # A → B → A
    rewrite(there, "Zone    ", "La zone ")
    assert acts(there) == ["replace", "skip"]
    assert len(set(versions(there))) == 4 and all(version.startswith("1-") for version in versions(there))
    assert acts(there) == ["skip", "skip"]


def test_changed_media_make_a_new_version_of_the_same_form(there: CentralField) -> None:
    before = versions(there)
    rewrite(there, "sud,Sud", "est,Est,الشرق,EST\nsud,Sud", "config/zones.csv")
    assert acts(there) == ["media", "media"]
    assert b"est," in media_of(there.office.form("personnes"))["zones.csv"]
    assert len(versions(there)) == 2 and versions(there)[0] == before[0]
    one, two = (version.xml for version in there.office.form("personnes").versions)
    assert one.replace(before[0].encode(), b"") == two.replace(versions(there)[1].encode(), b"")
    rewrite(there, "est,Est,الشرق,EST\n", "", "config/zones.csv")
    assert acts(there) == ["media", "media"]
    assert len(set(versions(there))) == 3
    assert acts(there) == ["skip", "skip"]


# ── cut short ──


class Killed(BaseException):
    """The process ends here."""


def killed_ever_later(act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> int:
    """Do *act* again and again, dying before its first request, its second …, until it ends; returns how often."""
    send, left = Asking.send, 0

    def dying(self: Asking, method: str, path: str, **options: object) -> object:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed
        return send(self, method, path, **options)

    for n in itertools.count(1):
        left = n
        with monkeypatch.context() as patch, contextlib.suppress(Killed):
            patch.setattr(Asking, "send", dying)
            act()
            return n
    raise AssertionError("unreachable")


@pytest.mark.parametrize("is_new", [True, False], ids=["create", "replace"])
def test_killed_before_any_request_the_next_run_finishes(
    empty: CentralField, is_new: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = empty
    if not is_new:
        acts(there)
        rewrite(there, "Zone    ", "La zone ")
        rewrite(there, "sud,Sud", "est,Est,الشرق,EST\nsud,Sud", "config/zones.csv")
    before = 0 if is_new else 1
    n = killed_ever_later(lambda: deploy(there.reopen(), validate=False), monkeypatch)
    assert n > 8
    assert acts(there) == ["skip", "skip"]
    assert len(versions(there)) == before + 1  # however often it was tried
    assert there.office.form("personnes").draft is None
    assert b"nord," in media_of(there.office.form("personnes"))["zones.csv"]


@pytest.mark.parametrize("kind", ["cut", "expired", "error"])
@pytest.mark.parametrize("pattern", ["POST .*/draft ?$", "POST .*/draft/attachments", "POST .*/draft/publish"])
def test_an_answer_that_is_lost_midway_is_made_good(there: CentralField, pattern: str, kind: str) -> None:
    rewrite(there, "Zone    ", "La zone ")
    rewrite(there, "sud,Sud", "est,Est,الشرق,EST\nsud,Sud", "config/zones.csv")
    there.office.faults.append(Fault(pattern, kind))
    with contextlib.suppress(Exception):
        deploy(there.reopen(), validate=False)
    there.office.faults.clear()
    report = deploy(there.reopen(), validate=False)
    assert not report.findings
    assert acts(there) == ["skip", "skip"]
    assert len(versions(there)) == 2


# ── what is refused ──


def without_age(there: CentralField) -> None:
    text = (there.workspace.root / "forms" / "personnes.md").read_text("utf-8")
    kept = [line for line in text.splitlines() if "| age " not in line]
    (there.workspace.root / "forms" / "personnes.md").write_text("\n".join(kept) + "\n", "utf-8")


def test_a_removed_question_goes_where_nobody_answered_it(there: CentralField) -> None:
    without_age(there)
    assert acts(there) == ["replace", "skip"]
    assert b"<age" not in there.office.form("personnes").versions[-1].xml


def test_a_removed_question_with_answers_is_refused_until_a_person_says_so(there: CentralField) -> None:
    there.office.submit("personnes", {**PERSON, "age": 7})
    without_age(there)
    report = deploy(there.reopen(), validate=False)
    assert {"DIFF002", "DEPLOY006"} == set(rules(report))  # not pulled yet: it cannot be judged
    there.pull()
    report = deploy(there.reopen(), validate=False)
    assert {"DIFF001", "DEPLOY006"} == set(rules(report)) and "1 answers" in str(report.findings)
    assert len(versions(there)) == 1
    assert acts(there, despite=["DEPLOY006"]) == ["replace", "skip"]
    assert not [finding for finding in there.pull().findings if finding.severity == "error"]
    assert_same(there, there.mission)


def test_a_type_that_changed_is_the_servers_no_and_phones_keep_the_old_form(there: CentralField) -> None:
    rewrite(there, "| text                           | note ", "| integer                        | note ")
    rewrite(there, "Zone    ", "La zone ", "forms/visites.md")
    report = deploy(there.reopen(), validate=False)
    assert [(each.rule, each.form_id) for each in report.findings] == [("DEPLOY013", "personnes")]
    assert "another type" in report.findings[0].message and "another name" in report.findings[0].hint
    assert len(versions(there)) == 1 and "personnes: not deployed" in report.lines
    assert len(versions(there, "visites")) == 2  # the other form went on
    rewrite(there, "| integer                        | note ", "| text                           | note ")
    assert acts(there) == ["skip", "skip"]


def test_a_form_id_that_lies_in_the_trash(there: CentralField, tmp_path: Path) -> None:
    there.person()
    there.pull()
    there.office.form("personnes").deleted_at = there.office.now()
    rewrite(there, "Zone    ", "La zone ", "forms/visites.md")
    compared = diff(there.reopen())
    assert [(each.rule, each.form_id) for each in compared.findings] == [("DIFF003", "personnes")]
    assert any(line.startswith("visites: ") and "no difference" not in line for line in compared.lines)
    deployed = deploy(there.reopen(), validate=False)
    assert [(each.rule, each.form_id) for each in deployed.findings] == [("DEPLOY013", "personnes")]
    assert len(versions(there, "visites")) == 2 and "personnes: not deployed" in deployed.lines
    elsewhere = deploy(there.reopen(tmp_path / "second"), validate=False)
    assert rules(elsewhere) == ["DEPLOY010", "DEPLOY013"]  # nor does a mirror without registrations empty the list
    pulled = there.pull()
    reports = (compared, deployed, elsewhere, pulled)
    cures = {each.hint for report in reports for each in report.findings if each.form_id == "personnes"}
    assert len(cures) == 1 and "restore it there" in cures.pop()  # one cure, whoever asks
    assert len([form for form in there.office.projects[1].forms if not form.deleted_at]) == 1


def test_a_form_that_the_server_cannot_give_stops_no_other(there: CentralField) -> None:
    rewrite(there, "Zone    ", "La zone ")
    rewrite(there, "Zone    ", "La zone ", "forms/visites.md")
    there.office.faults.append(Fault(r"forms/personnes(\.xml|$)", "error", times=-1))
    assert [(each.rule, each.form_id) for each in diff(there.reopen()).findings] == [("DIFF003", "personnes")]
    report = deploy(there.reopen(), validate=False)
    assert [(each.rule, each.form_id) for each in report.findings] == [("DEPLOY013", "personnes")]
    assert report.findings[0].hint and len(versions(there, "visites")) == 2 and len(versions(there)) == 1
    there.office.faults[:] = [Fault("/v1/", "error", times=-1)]
    for step in (diff, deploy):
        with pytest.raises(KoboUnreachable):  # no server at all concerns every form
            step(there.reopen())


def test_a_list_waits_where_registrations_cannot_be_read_and_other_forms_go_on(there: CentralField) -> None:
    there.person()
    there.pull()
    there.forward(hours=1)
    persons = there.office.form("personnes")
    persons.deleted_at = there.office.now()
    report = refresh_roster(there.reopen(), force=True)
    assert rules(report) == ["DEPLOY010"] and "cannot be read" in report.findings[0].message
    persons.deleted_at = None
    there.office.form("visites").deleted_at = there.office.now()
    report = refresh_roster(there.reopen(), force=True)
    assert [(each.rule, each.form_id) for each in report.findings] == [("DEPLOY013", "visites")]
    assert "restore it there" in report.findings[0].hint


def test_the_mark_of_another_workspace_is_respected(there: CentralField, tmp_path: Path) -> None:
    rewrite(there, 'code = "essai"', 'code = "autre"', "config/mission.toml")
    rewrite(there, "Zone    ", "La zone ")
    report = deploy(there.reopen(tmp_path / "second"), validate=False)
    assert rules(report) == ["DEPLOY008"] and report.counts["skip"] == 1  # the other form is as they deployed it
    assert len(versions(there)) == 1
    rewrite(there, 'code = "autre"', 'code = "essai"\nid = "abc"', "config/mission.toml")
    assert acts(there, despite=["DEPLOY008"])[0] == "replace"
    rewrite(there, 'id = "abc"', 'id = "def"', "config/mission.toml")
    rewrite(there, "La zone ", "Une zone ")
    assert "DEPLOY008" in rules(deploy(there.reopen(tmp_path / "third"), validate=False))


def test_a_form_that_somebody_changed_on_the_server_is_not_overwritten(there: CentralField) -> None:
    there.office.deploy(xform(PERSONNES.replace("Nom   ", "Nom de famille").replace("| 1       |", "| 5       |")))
    report = deploy(there.reopen(), validate=False)
    assert rules(report) == ["DEPLOY001"] and "--despite DEPLOY001" in report.findings[0].hint
    assert acts(there, despite=["DEPLOY001"]) == ["replace", "skip"]
    assert acts(there) == ["skip", "skip"]


def test_a_closed_form_is_not_opened_again_by_itself(there: CentralField) -> None:
    there.office.form("personnes").state = "closed"
    rewrite(there, "Zone    ", "La zone ")
    assert rules(deploy(there.reopen(), validate=False)) == ["DEPLOY005"]
    assert len(versions(there)) == 1
    report = deploy(there.reopen(), validate=False, despite=["DEPLOY005"])
    assert not report.findings and there.office.form("personnes").state == "open"
    assert len(versions(there)) == 2


def test_a_viewer_deploys_nothing(there: CentralField) -> None:
    there.office.add_user("viewer@example.org", "a long secret", "viewer")
    rewrite(there, "Zone    ", "La zone ")
    mission = there.reopen(CENTRAL_EMAIL="viewer@example.org", CENTRAL_PASSWORD="a long secret")
    report = deploy(mission, validate=False, despite=["DEPLOY001"])
    assert "DEPLOY013" in rules(report) and all(each.hint for each in report.findings)
    assert any("403" in each.message for each in report.findings) and len(versions(there)) == 1


# ── a form made in the browser ──


def adopting(there: CentralField, tmp_path: Path) -> Mission:
    """Another workspace at the same server, which has taken both forms."""
    from kobo_sync.steps.adopt import adopt
    from kobo_sync.steps.init import init

    root = tmp_path / "fresh"
    init(root)
    config = root / "config" / "mission.toml"
    head, _, tail = config.read_text("utf-8").partition("[server]")
    kept = [line for line in tail.splitlines() if not line.startswith(("kf =", "kc ="))]
    server = ['kind = "odk-central"', f'url = "{there.office.address}"', "project = 1"]
    config.write_text("\n".join([f"{head}[server]", *server, *kept, ""]), "utf-8")
    report = adopt(Mission(find(root), SECRETS), ["personnes", "Visites"])
    assert {finding.severity for finding in report.findings} <= {"warning"}, report.findings
    return Mission(find(root), SECRETS)


@pytest.mark.parametrize("is_uploaded", [True, False], ids=["xlsx", "xform"])
def test_forms_made_in_the_browser_are_adopted_and_no_deployment_is_offered(
    empty: CentralField, is_uploaded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = empty
    named = {"zones.csv": "places.csv", "participants.csv": "people.csv"}  # lists that no mission makes by itself
    texts = {"personnes": PERSONNES, "visites": VISITES}
    for form_id in texts:
        for old, new in named.items():
            texts[form_id] = texts[form_id].replace(old, new)
        text = texts[form_id]
        media = {name: b"name,label\nnord,Nord\n" for name in named.values() if name in text}
        there.office.deploy(xform(text), media)
    if is_uploaded:

        def workbook(self: CentralServer, asset_uid: str) -> bytes:
            return as_workbook(texts[asset_uid].encode(), f"{asset_uid}.md")[0]

        monkeypatch.setattr(CentralServer, "workbook", workbook)
    mission = adopting(there, tmp_path)
    ids = ["personnes", "visites"]
    assert list(diff(mission, form_ids=ids).lines) == [f"{form_id}: no difference" for form_id in ids]
    before = len(there.office.requests)
    assert acts_of(deploy(mission, form_ids=ids, validate=False)) == ["skip", "skip"]
    assert writes(there, before) == []
    there.office.submit("personnes", PERSON)
    there.office.submit("visites", {"zone": "nord", "membre": [{"prenom": "Awa"}]})
    report = pull(mission, form_ids=ids)
    assert report.counts["new"] == 2 and not report.has_errors
    mission.close()


def test_diff_tells_what_a_deployment_would_change(there: CentralField) -> None:
    assert list(diff(there.mission).lines) == ["personnes: no difference", "visites: no difference"]
    rewrite(there, "Zone    ", "La zone ")
    rewrite(there, "| age  ", "| annees")
    told = diff(there.reopen(), form_ids=["personnes"]).lines
    assert any("annees" in line for line in told) and any("zone" in line for line in told)


# ── participants ──


def registered(there: CentralField, *codes: str) -> None:
    for code in codes:
        there.office.submit("personnes", {**PERSON, "code": code, "nom": f"Nom {code}"}, version=versions(there)[-1])
    pull(there.mission)


def roster_on_phones(there: CentralField) -> list[str]:
    media = media_of(there.office.form("visites"))["participants.csv"].decode()
    return sorted(row["name"] for row in csv.DictReader(io.StringIO(media)))


def test_a_roster_goes_out_as_a_new_version_with_the_form_as_it_is(there: CentralField) -> None:
    registered(there, "N1", "N2")
    rewrite(there, "Visites ", "Visitez ", "forms/visites.md")  # somebody is still editing it
    there.mission = there.reopen()
    assert refresh_roster(there.mission).counts["published"] == 1
    assert roster_on_phones(there) == ["N1", "N2"]
    assert b"Visitez" not in there.office.form("visites").versions[-1].xml
    n = len(versions(there, "visites"))
    assert refresh_roster(there.reopen()).counts["published"] == 0
    assert len(versions(there, "visites")) == n
    registered(there, "N3")
    refresh_roster(there.reopen())
    assert roster_on_phones(there) == ["N1", "N2", "N3"]


BY_CODE = VISITES.replace(
    "| select_one_from_file participants.csv | personne | Personne             | الشخص               |            |",
    "| select_one_from_file participants.csv | personne | Personne             | الشخص               | value=code |",
)
ENTITIES = MISSION.replace("[roster]\n", "[roster]\nentities = true\n")


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[CentralField]:
    """The small mission whose participants are an entity list, deployed."""
    with central_field_in(tmp_path, forms=False, text=ENTITIES) as field:
        (field.workspace.root / "forms" / "visites.md").write_text(BY_CODE, "utf-8")
        field.mission = field.reopen()
        deploy(field.mission, validate=False)
        yield field


def codes(there: CentralField) -> list[str]:
    return sorted(entity.data["code"] for entity in there.office.entities("participants"))


def test_a_roster_that_is_an_entity_list_changes_without_a_new_version(listed: CentralField) -> None:
    there = listed
    media = there.office.form("visites").versions[-1].media["participants.csv"]
    assert media.linked and codes(there) == []
    registered(there, "N1", "N2")
    refresh_roster(there.reopen())
    assert codes(there) == ["N1", "N2"]
    assert len(versions(there, "visites")) == 1
    before = len(there.office.requests)
    assert refresh_roster(there.reopen()).counts["published"] == 0
    assert [each for each in writes(there, before) if "entities" in each] == []
    rows = list(there.office.form("personnes").live)
    there.office.edit("personnes", rows[0], {**PERSON, "code": "N1", "nom": "Renommée"})
    there.office.delete("personnes", rows[1])
    registered(there, "N3")
    refresh_roster(there.reopen(), force=True)
    assert codes(there) == ["N1", "N3"]
    assert any("Renommée" in entity.label for entity in there.office.entities("participants"))
    there.office.restore("personnes", rows[1])  # whoever comes back lies in the trash there
    pull(there.mission)
    refresh_roster(there.reopen())
    assert codes(there) == ["N1", "N2", "N3"]
    assert acts(there) == ["skip", "skip"]
    assert len(versions(there, "visites")) == 1


def test_a_cut_list_is_not_taken_for_the_whole(listed: CentralField) -> None:
    there = listed
    registered(there, *(f"N{n}" for n in range(6)))
    refresh_roster(there.reopen())
    there.office.faults.append(Fault("entities.csv", "cut", times=-1))
    registered(there, "N9")
    with pytest.raises(Exception, match="no whole answer"):
        refresh_roster(there.reopen())
    there.office.faults[:] = [Fault("entities.csv", "cut")]
    refresh_roster(there.reopen())
    assert codes(there) == [*(f"N{n}" for n in range(6)), "N9"]


def test_a_page_of_html_is_not_taken_for_an_empty_list(listed: CentralField) -> None:
    there = listed
    registered(there, "N1", "N2")
    refresh_roster(there.reopen())
    registered(there, "N3")
    there.office.faults.append(Fault("entities.csv", "html", times=-1))
    with pytest.raises(KoboUnexpected) as page:
        refresh_roster(there.reopen())
    assert "an HTML page came in place of the list" in page.value.message
    assert "check server.url in config/mission.toml" in page.value.hint
    there.office.faults.clear()
    assert codes(there) == ["N1", "N2"], "nothing was sent"
    refresh_roster(there.reopen())
    assert codes(there) == ["N1", "N2", "N3"]


def test_a_list_killed_between_its_requests_is_finished(listed: CentralField, monkeypatch: pytest.MonkeyPatch) -> None:
    there = listed
    registered(there, "N1", "N2", "N3")
    refresh_roster(there.reopen())
    rows = list(there.office.form("personnes").live)
    there.office.edit("personnes", rows[0], {**PERSON, "code": "N1", "nom": "Renommée"})
    there.office.delete("personnes", rows[1])
    registered(there, "N4", "N5")
    n = killed_ever_later(lambda: refresh_roster(there.reopen()), monkeypatch)
    assert n > 4
    assert codes(there) == ["N1", "N3", "N4", "N5"]


def test_lists_by_zone_need_a_newer_server(tmp_path: Path) -> None:
    text = ENTITIES.replace("entities = true\n", "entities = true\nby_zone = true\n")
    with central_field_in(tmp_path, forms=False, text=text) as there:
        (there.workspace.root / "forms" / "visites.md").write_text(BY_CODE, "utf-8")
        with pytest.raises(KoboRejected) as refusal:  # the stand-in is older
            deploy(there.reopen(), validate=False)
        assert "v2026.2" in refusal.value.hint
        assert not there.office.projects[1].forms


def test_a_form_that_takes_persons_by_name_is_refused(tmp_path: Path) -> None:
    with central_field_in(tmp_path, forms=False, text=ENTITIES) as there:
        with pytest.raises(FormError, match="by `name`") as refusal:
            deploy(there.mission, validate=False)
        assert "value=code" in refusal.value.hint
        assert not there.office.projects[1].forms


def drafted(there: CentralField, old: bytes, new: bytes) -> bytes:
    """A draft of personnes as a colleague leaves it in the browser."""
    xml = there.office.form("personnes").versions[-1].xml
    assert old in xml
    there.office.draft("personnes", xml.replace(old, new))
    return xml.replace(old, new)


def test_a_colleagues_draft_is_not_replaced_without_a_word(there: CentralField) -> None:
    acts(there)
    draft = drafted(there, b"Nom", b"Nom complet")
    assert acts(there) == ["skip", "skip"], "what lies here is published as it is: nothing would be replaced"
    rewrite(there, "| Zone    ", "| La zone")
    for dry_run in (True, False):
        report = deploy(there.reopen(), validate=False, dry_run=dry_run)
        assert rules(report) == ["DEPLOY014"] and report.counts["refuse"] == 1
        assert "draft" in report.findings[0].message and "--despite DEPLOY014" in report.findings[0].hint
        assert there.office.form("personnes").draft.xml == draft  # type: ignore[union-attr]
    assert acts(there, despite=["DEPLOY014"]) == ["replace", "skip"]
    assert there.office.form("personnes").draft is None and len(versions(there)) == 2


def test_a_draft_that_changes_nothing_or_is_what_lies_here_stands_in_nobodys_way(there: CentralField) -> None:
    acts(there)
    drafted(there, b"Nom", b"Nom")
    rewrite(there, "| Zone    ", "| La zone")
    assert acts(there) == ["replace", "skip"]
    before = there.workspace.root / "forms/personnes.md"
    rewrite(there, "| La zone", "| Lazone ")
    there.office.draft("personnes", compile_form(before.read_bytes(), "personnes.md", validate=False).xform.encode())
    assert acts(there) == ["replace", "skip"]


def test_a_list_of_participants_does_not_replace_a_colleagues_draft(there: CentralField) -> None:
    registered(there, "N1")
    acts(there)
    registered(there, "N2")
    xml = there.office.form("visites").versions[-1].xml
    there.office.draft("visites", xml.replace(b"Visites", b"Visites du soir"))
    report = refresh_roster(there.reopen())
    assert "DEPLOY014" in rules(report) and there.office.form("visites").draft
