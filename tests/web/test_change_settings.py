"""Settings and lists changed on pages: merged with what others changed, told beside the field, kept, and taken back."""

from __future__ import annotations

import io
import re
import zipfile
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from web_office import Office, post

from kobo_sync.desk import schedules
from kobo_sync.desk.changes import changes
from kobo_sync.workspace import writing

PAGES = ("mission", "demi-journees", "quotas", "avis", "horaires", "conservation")
ZONES = "/reglages/listes/zones.csv"


def config(office: Office, name: str = "mission.toml") -> Path:
    return office.field.mission.workspace.root / "config" / name


def form_of(client: FlaskClient, page: str) -> dict[str, str]:
    """What a browser would send of the page's last form, untouched."""
    text = client.get(page).text
    return fields_in(text)


def fields_in(text: str) -> dict[str, str]:
    form = text.rpartition('<form method="post"')[2].partition("</form>")[0]
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        kind = re.search(r'type="(\w+)"', tag)
        if name and ((kind and kind[1] not in ("checkbox", "radio")) or not kind or " checked" in tag):
            fields[name[1]] = unescape(value[1] if value else "")
    for name, text in re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>([^<]*)</textarea>', form):
        fields[name] = unescape(text)
    for name, options in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        fields[name] = chosen[1] if chosen else ""
    fields.pop("csrf_token", None)
    return fields


def save(client: FlaskClient, part: str, **changed: str) -> Any:
    page = f"/reglages/modifier/{part}"
    return post(client, page, page, **form_of(client, page) | changed)


def take_back(client: FlaskClient, change_id: int) -> Any:
    return post(client, "/reglages/changements/reprendre", "/reglages/changements", change_id=change_id)


@pytest.mark.parametrize("username", ["maha", "lea", "rachid"])
def test_administrators_alone_change(office: Office, username: str) -> None:
    client = office.client(username)
    before = config(office).read_bytes()
    paths = (*(f"/reglages/modifier/{part}" for part in PAGES), ZONES, f"{ZONES}/apercu", "/reglages/changements")
    assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 403)
    for path in (
        "/reglages/modifier/mission",
        ZONES,
        f"{ZONES}/fichier",
        f"{ZONES}/apercu",
        "/reglages/changements/reprendre",
    ):
        assert post(client, path, "/compte").status_code == 403, path
    assert client.get(f"{ZONES}/telecharger").status_code == 403
    assert config(office).read_bytes() == before


@pytest.mark.parametrize("part", PAGES)
def test_a_form_sent_back_untouched_changes_nothing(office: Office, part: str) -> None:
    client, before = office.client("amina"), config(office).read_bytes()
    assert save(client, part).status_code == 302
    assert config(office).read_bytes() == before and changes(office.field.mission.desk) == []


def test_a_change_keeps_comments_is_noted_and_taken_back_to_the_byte(office: Office) -> None:
    path = config(office)
    path.write_text(
        path.read_text("utf-8").replace("ends_on = 2025-02-13", "ends_on = 2025-02-13  # le dernier jour"), "utf-8"
    )
    client, before = office.client("amina"), path.read_bytes()
    assert save(client, "mission", **{"mission.ends_on": "2025-02-15"}).status_code == 302
    assert path.read_bytes() == before.replace(b"2025-02-13  #", b"2025-02-15  #")
    (change,) = changes(office.field.mission.desk)
    assert (change.by, change.keys, change.path) == ("amina", ("mission.ends_on",), "config/mission.toml")
    page = client.get("/reglages/changements").text
    assert "13/02/2025" in page and "15/02/2025" in page
    assert take_back(client, change.change_id).status_code == 302
    assert path.read_bytes() == before
    assert changes(office.field.mission.desk)[0].undoes == change.change_id
    assert "Défaire" not in client.get("/reglages/changements").text.partition(f'id="c-{change.change_id}"')[2]


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_written(office: Office) -> None:
    client, before = office.client("amina"), config(office).read_bytes()
    wrong = {"quotas.default.a": "beaucoup", "quotas.zones.nord.b": "-3"}
    answer = save(client, "quotas", **wrong)
    assert answer.status_code == 400
    for key in wrong:
        beside = answer.text.partition(f'name="{key}"')[2][:400]
        assert 'aria-invalid="true"' in beside and f'id="f-{key}"' in beside, key
    assert "beaucoup" in answer.text and "bien : 2" not in answer.text
    assert config(office).read_bytes() == before and changes(office.field.mission.desk) == []
    answer = save(client, "mission", **{"mission.ends_on": "2025-02-01"})
    assert answer.status_code == 400 and 'id="f-mission.ends_on"' in answer.text


SESSION = {"code": "matin", "label.fr": "Matin", "starts": "09:00", "ends": "12:30"}


@pytest.mark.parametrize(
    ("part", "key", "text"),
    [
        ("conservation", "retention.files_months", "0"),
        ("conservation", "retention.personal_months", "0"),
        ("conservation", "retention.personal_months", "999999"),
        ("conservation", "retention.answers_months.visites", "0"),
        ("conservation", "retention.personal", "nom"),
        ("conservation", "retention.personal", "visites.rien"),
        ("conservation", "backup.daily", "-1"),
        ("conservation", "backup.weekly", "beaucoup"),
        ("avis", "notices.endangered_below", "80"),
        ("avis", "notices.quota_hour", "25:00"),
        ("avis", "notices.deliverables_to", "equipe"),
        ("horaires", "schedule.pull", "61 * * * *"),
        ("horaires", "schedule.pull", "0 6 30 2 *"),
        ("horaires", "schedule.backup", "0 6 * * 1/0"),
        ("horaires", "schedule.jitter_s", "-1"),
        ("horaires", "schedule.grace_minutes", "1e300"),
        ("quotas", "quotas.default.a", "1000000000"),
        ("quotas", "quotas.sexes.f", "-1"),
        ("quotas", "groups.1.code", "a"),
        ("quotas", "groups.1.code", "groupe é"),
        ("quotas", "groups.1.label.fr", ""),
        ("demi-journees", "sessions.0.code", "après-midi"),
        ("demi-journees", "sessions.0.starts", "9 heures"),
        ("demi-journees", "sessions.0.ends", "08:00"),
        ("demi-journees", "sessions.0.days", "0"),
        ("demi-journees", "sessions.0.days", "9"),
        ("mission", "mission.title", ""),
        ("mission", "mission.starts_on", "0025-02-11"),
        ("mission", "mission.ends_on", "2025-02-31"),
        ("mission", "mission.timezone", "Mars"),
        ("mission", "mission.documents", "es"),
        ("mission", "mission.digits", "romains"),
    ],
)
def test_each_setting_that_makes_no_sense_is_refused_beside_its_field(
    office: Office, part: str, key: str, text: str
) -> None:
    client, before = office.client("amina"), config(office).read_bytes()
    whole = {f"sessions.0.{name}": value for name, value in SESSION.items()} if part == "demi-journees" else {}
    answer = save(client, part, **whole | {key: text})
    assert answer.status_code == 400 and config(office).read_bytes() == before
    place = key if key != "groups.1.label.fr" else "groups.1.label.fr"
    assert f'id="f-{place}"' in answer.text
    told = unescape(re.sub("<[^>]+>", "", answer.text.partition(f'id="f-{place}"')[2].partition("</")[0]))
    assert not re.search(r"\b(should|is no|validating|pattern|value)\b", told), told


def test_an_emptied_field_is_told_without_keys_of_a_file(office: Office) -> None:
    text = unescape(save(office.client("amina"), "mission", **{"mission.title": ""}).text)
    assert "Ce champ ne peut pas rester vide." in text and "operations.md" not in text


def test_two_half_days_of_one_code_are_mended_on_the_page(office: Office) -> None:
    path, client = config(office), office.client("amina")
    assert client.get("/reglages").status_code == 200
    rows = '[[sessions]]  # le matin\ncode = "m"\nlabel = { fr = "Matin" }\n\n[[sessions]]\ncode = "m"\nlabel = { fr = "Soir" }\nstarts = 14:00:00\n\n'
    by_hand = path.read_text("utf-8").replace("[[groups]]", rows + "[[groups]]", 1)
    path.write_text(by_hand, "utf-8")
    page = client.get("/reglages/modifier/demi-journees").text
    assert "Matin" in page and "Soir" in page
    assert save(client, "demi-journees").status_code == 302 and path.read_text("utf-8") == by_hand  # nothing changed
    assert save(client, "demi-journees", **{"sessions.1.code": "s"}).status_code == 302
    assert path.read_text("utf-8") == by_hand.replace('code = "m"\nlabel = { fr = "Soir" }', 'code = "s"\nlabel = { fr = "Soir" }')  # fmt: skip
    path.write_text(by_hand, "utf-8")
    assert save(client, "demi-journees", **{"sessions.0.gone": "on"}).status_code == 302
    (session,) = office.field.reopen().config.sessions
    assert (session.code, session.label, f"{session.starts}") == ("m", {"fr": "Soir"}, "14:00:00")


def test_a_quota_of_a_zone_comes_and_its_emptied_table_goes(office: Office) -> None:
    client, before = office.client("amina"), config(office).read_text("utf-8")
    save(client, "quotas", **{"quotas.zones.nord.a": "7"})
    assert "[quotas.zones.nord]\na = 7\n" in config(office).read_text("utf-8")
    assert office.field.reopen().config.zone("nord").target == 7  # type: ignore[union-attr]
    save(client, "quotas", **{"quotas.zones.nord.a": ""})
    assert "quotas.zones" not in config(office).read_text("utf-8")
    assert config(office).read_text("utf-8").split() == before.split()


def test_groups_and_half_days_are_added_changed_and_removed(office: Office) -> None:
    client = office.client("amina")
    fields = {"groups.2.code": "c", "groups.2.label.fr": "Groupe C", "groups.0.short": "GA"}
    assert save(client, "quotas", **fields).status_code == 302
    groups = office.field.reopen().config.groups
    assert [(each.code, each.short) for each in groups] == [("a", {"": "GA"}), ("b", {}), ("c", {})]
    answer = save(client, "quotas", **{"groups.1.gone": "on"})
    assert answer.status_code == 400 and "quotas.default.b" in unescape(answer.text)  # its quota is still there
    assert save(client, "quotas", **{"groups.1.gone": "on", "quotas.default.b": ""}).status_code == 302
    day = {
        "sessions.0.code": "matin",
        "sessions.0.label.fr": "Matin",
        "sessions.0.starts": "09:00",
        "sessions.0.ends": "12:30",
    }
    assert save(client, "demi-journees", **day).status_code == 302
    assert [each.minutes for each in office.field.reopen().config.sessions] == [210]


def test_a_hand_edit_of_another_key_meanwhile_is_kept(office: Office) -> None:
    client, page = office.client("amina"), "/reglages/modifier/mission"
    form = form_of(client, page)
    path = config(office)
    path.write_text(path.read_text("utf-8").replace("a = 2", "a = 5"), "utf-8")
    assert post(client, page, page, **form | {"mission.trainer": "Nadia"}).status_code == 302
    text = path.read_text("utf-8")
    assert "a = 5" in text and 'trainer = "Nadia"' in text


def test_the_same_key_changed_by_hand_meanwhile_is_asked_about(office: Office) -> None:
    client, page, path = office.client("amina"), "/reglages/modifier/mission", config(office)
    form = form_of(client, page)
    path.write_text(path.read_text("utf-8").replace("Mission d’essai", "Mission du dossier"), "utf-8")
    by_hand = path.read_bytes()
    answer = post(client, page, page, **form | {"mission.title": "Mission de la page", "mission.trainer": "Nadia"})
    assert answer.status_code == 409 and path.read_bytes() == by_hand
    text = unescape(answer.text)
    assert "Mission du dossier" in text and "Mission de la page" in text and "à la main" in text
    again = fields_in(answer.text)
    assert post(client, page, page, **again).status_code == 409  # nothing chosen
    path.write_text(path.read_text("utf-8").replace("Mission du dossier", "Encore autre"), "utf-8")
    assert post(client, page, page, **again | {"choice:mission.title": "mine"}).status_code == 409  # not what was seen
    answer = post(client, page, page, **again)
    again = fields_in(answer.text) | {"choice:mission.title": "theirs"}
    assert post(client, page, page, **again).status_code == 302
    config_now = office.field.reopen().config.mission
    assert (config_now.title, config_now.trainer) == ("Encore autre", "Nadia")


def test_two_administrators_at_once_and_an_undo_that_would_lose_a_later_change(office: Office) -> None:
    client, page = office.client("amina"), "/reglages/modifier/mission"
    form = form_of(client, page)
    save(client, "mission", **{"mission.trainer": "Première"})
    answer = post(client, page, page, **form | {"mission.trainer": "Seconde"})
    assert answer.status_code == 409 and "amina" in answer.text
    save(client, "mission", **{"mission.trainer": "Troisième"})
    desk = office.field.mission.desk
    first = changes(desk)[-1]
    answer = take_back(client, first.change_id)
    assert answer.status_code == 409 and "mission.trainer" in answer.text
    save(client, "mission", **{"mission.programme": "Autre"})
    third = changes(desk)[1]
    take_back(client, third.change_id)
    now = office.field.reopen().config.mission
    assert (now.trainer, now.programme) == ("Première", "Autre")


def test_killed_between_writing_and_noting_the_same_form_ends_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kobo_sync.mission import config_files

    client, page = office.client("amina"), "/reglages/modifier/mission"
    form = form_of(client, page) | {"mission.trainer": "Nadia"}

    def killed(*_args: object, **_more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(config_files, "record_change", killed)
        with pytest.raises(KeyboardInterrupt):
            post(client, page, page, **form)
    assert 'trainer = "Nadia"' in config(office).read_text("utf-8") and changes(office.field.mission.desk) == []
    assert post(client, page, page, **form).status_code == 302
    (change,) = changes(office.field.mission.desk)
    assert change.keys == ("mission.trainer",)
    take_back(client, change.change_id)
    assert "Nadia" not in config(office).read_text("utf-8")


def test_a_disk_that_refuses_leaves_the_file(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    client, before = office.client("amina"), config(office).read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing.os, "fsync", full)
    assert save(client, "mission", **{"mission.trainer": "Nadia"}).status_code == 503
    assert config(office).read_bytes() == before and changes(office.field.mission.desk) == []


def test_hours_saved_here_end_those_of_the_other_page(office: Office) -> None:
    client, desk = office.client("amina"), office.field.mission.desk
    schedules.set_expressions(desk, "pull", ["every 30 min"], "maha", office.field.clock())
    assert "maha" in client.get("/reglages/modifier/horaires").text
    answer = save(client, "horaires", **{"schedule.pull": "toutes les heures"})
    assert answer.status_code == 400 and 'id="f-schedule.pull"' in answer.text
    assert schedules.settings(desk)["pull"].expressions == ("every 30 min",)
    assert save(client, "horaires", **{"schedule.pull": "every 15 min\r\n0 6 * * *"}).status_code == 302
    assert office.field.reopen().config.schedule.pull == ["every 15 min", "0 6 * * *"]
    assert schedules.settings(desk)["pull"].expressions is None and office.woken


def test_notices_and_retention(office: Office) -> None:
    client = office.client("amina")
    assert save(client, "avis", **{"notices.staff": "equipe@example.org\r\npas une adresse"}).status_code == 400
    assert (
        save(
            client,
            "avis",
            **{"notices.staff": "equipe@example.org", "notices.attach": "1", "notices.quota_hour": "10:30"},
        ).status_code
        == 302
    )
    assert (
        save(
            client, "conservation", **{"retention.files_months": "6", "retention.answers_months.visites": "24"}
        ).status_code
        == 302
    )
    now = office.field.reopen().config
    assert (
        now.notices.staff == ["equipe@example.org"] and now.notices.attach and f"{now.notices.quota_hour}" == "10:30:00"
    )
    assert now.retention is not None and now.retention.answers_months == {"visites": 24}
    save(client, "conservation", **{"retention.files_months": "", "retention.answers_months.visites": ""})
    assert office.field.reopen().config.retention is None


def test_a_file_that_hands_broke_is_told_and_left(office: Office) -> None:
    client, page = office.client("amina"), "/reglages/modifier/mission"
    form = form_of(client, page)
    config(office).write_text("[mission\n", "utf-8")
    answer = post(client, page, page, **form | {"mission.trainer": "Nadia"})
    assert answer.status_code == 400 and "TOML" in answer.text
    assert config(office).read_text("utf-8") == "[mission\n"
    assert client.get(page).status_code in (200, 503)


# ── lists ──


def hand_in(client: FlaskClient, content: bytes, name: str = "zones.csv", to: str = ZONES) -> Any:
    return post(client, f"{to}/fichier", to, file=(io.BytesIO(content), name))


def confirm(client: FlaskClient, preview: Any, **more: str) -> Any:
    assert preview.status_code == 302, preview.text
    form = fields_in(client.get(preview.location).text)
    return post(client, f"{ZONES}/apercu", ZONES, **form | more)


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("cp1256", ";"), ("utf-8-sig", ","), ("utf-8", ";"), ("utf-16", "\t"), ("cp1256", ",")]
)
def test_zones_from_whatever_program(office: Office, encoding: str, delimiter: str) -> None:
    client, before = office.client("amina"), config(office, "zones.csv").read_bytes()
    lines = [
        "code,label_fr,label_ar,days",
        "nord,Nord élargi,الشمال,11/02/2025",
        "sud,Sud,الجنوب,",
        "est,L’Est,الشرق,2025-02-12",
    ]
    preview = hand_in(client, "\r\n".join(lines).replace(",", delimiter).encode(encoding))
    text = unescape(client.get(preview.location).text)
    assert "Nord élargi" in text and "الشرق" in text and "2025-02-11" in text and "prefix" in text
    assert config(office, "zones.csv").read_bytes() == before  # nothing before it is confirmed
    assert confirm(client, preview).status_code == 302
    zones = {zone.code: zone for zone in office.field.reopen().config.zones}
    assert zones["est"].labels == {"fr": "L’Est", "ar": "الشرق"} and f"{zones['nord'].days[0]}" == "2025-02-11"
    assert zones["nord"].extra == {"prefix": "NOR"}  # a column that the file lacked
    (change,) = changes(office.field.mission.desk)
    take_back(client, change.change_id)
    assert config(office, "zones.csv").read_bytes() == before


def test_a_zone_that_holds_data_is_not_removed_in_passing(office: Office) -> None:
    client, before = office.client("amina"), config(office, "zones.csv").read_bytes()
    preview = hand_in(client, b"code,label_fr\nsud,Sud\n")
    text = unescape(client.get(preview.location).text)
    assert "8 soumissions" in text
    assert confirm(client, preview).status_code == 400 and config(office, "zones.csv").read_bytes() == before
    assert confirm(client, preview, sure="on").status_code == 302
    assert [zone.code for zone in office.field.reopen().config.zones] == ["sud"]


def _bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"<row/>" * 9_000_000)
    return out.getvalue()


def _workbook(*rows: tuple[object, ...]) -> bytes:
    from datetime import datetime

    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        page = book.add_worksheet("Zones")
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                page.write_datetime(at, column, cell) if isinstance(cell, datetime) else page.write(at, column, cell)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (_bomb(), "trop grand"),
        (b"PK\x03\x04 broken", "classeur"),
        (b"", "vide"),
        (b"\x00\x01\x02\xff\xfe", "ni un texte"),
        ("nom,région\nnord,Nord\n".encode(), "code"),
        (b"code,label_fr\nnord,Nord\nnord,Nord\n", "nord"),
        (b"code,label_fr\nno rd,Nord\n", "no rd"),
        (b"code,label_fr,days\nnord,Nord,2031-01-01\n", "2031-01-01"),
        (b"code,label_fr,code\nnord,Nord,x\n", "code"),
        (b"code,label_fr\n", "zone"),
    ],
)
def test_a_file_that_makes_no_zones_is_refused_with_words(office: Office, content: bytes, word: str) -> None:
    client, before = office.client("amina"), config(office, "zones.csv").read_bytes()
    answer = hand_in(client, content, "zones.xlsx")
    assert answer.status_code == 400 and word in unescape(answer.text)
    assert config(office, "zones.csv").read_bytes() == before


def test_a_file_of_more_than_a_megabyte_is_refused(office: Office) -> None:
    answer = hand_in(office.client("amina"), b"code,label_fr\n" + b"x" * 1_100_000)
    assert answer.status_code == 413
    answer.request.environ["wsgi.input"].close()  # the test client's own file


def test_a_workbook_with_days(office: Office) -> None:
    from datetime import datetime

    client = office.client("amina")
    content = _workbook(("Code", "label_fr", "days"), ("nord", "Nord", datetime(2025, 2, 12)), ("sud", "Sud", ""))  # noqa: DTZ001
    assert confirm(client, hand_in(client, content, "zones.xlsx")).status_code == 302
    assert f"{office.field.reopen().config.zone('nord').days[0]}" == "2025-02-12"  # type: ignore[union-attr]


def test_rows_of_the_table_are_added_changed_and_removed(office: Office) -> None:
    client = office.client("amina")
    form = form_of(client, ZONES)
    assert (
        post(client, ZONES, ZONES, **form | {"c.0.1": "Grand Nord", "c.2.0": "NORD", "c.2.1": "Autre"}).status_code
        == 400
    )
    assert post(client, ZONES, ZONES, **form | {"c.2.0": "nord", "c.2.1": "Autre"}).status_code == 400
    preview = post(
        client, ZONES, ZONES, **form | {"c.0.1": "Grand Nord", "c.2.0": "est", "c.2.1": "Est", "gone.1": "on"}
    )
    assert confirm(client, preview).status_code == 302
    text = config(office, "zones.csv").read_text("utf-8")
    assert text == "code,label_fr,label_ar,prefix\nnord,Grand Nord,الشمال,NOR\nest,Est,,EST\n"


def test_zones_get_letters_of_their_own_in_the_preview_and_shared_ones_are_told(office: Office) -> None:
    client = office.client("amina")
    preview = hand_in(client, b"code,label_fr,prefix\nnord,Nord,NOR\nsud,Sud,NOR\nnorima,Norima,\n")
    text = unescape(client.get(preview.location).text)
    assert "partagent les lettres NOR" in text and "nord, sud" in text and "norima" in text
    assert confirm(client, preview).status_code == 302
    zones = {zone.code: zone.extra["prefix"] for zone in office.field.reopen().config.zones}
    assert zones == {"nord": "NOR", "sud": "NOR", "norima": "NAA"}
    preview = hand_in(client, b"code,label_fr\nnord,Nord\nsud,Sud\nnorima,Norima\nouest,Ouest\n")
    text = unescape(client.get(preview.location).text)
    assert "ont été données à : ouest" in text.replace("\u00a0", " ") and "OUE" in text


def test_a_file_whose_quote_swallows_rows_is_refused_with_its_row(office: Office) -> None:
    answer = hand_in(office.client("amina"), b'code,label_fr\nnord,Nord\nsud,"Sud\nest,Est\n')
    assert answer.status_code == 400 and "ligne 3" in unescape(answer.text) and "guillemet" in unescape(answer.text)


def test_a_list_edited_by_hand_between_preview_and_save(office: Office) -> None:
    client, path = office.client("amina"), config(office, "zones.csv")
    form = form_of(client, ZONES)
    preview = post(client, ZONES, ZONES, **form | {"c.0.1": "De la page"})
    path.write_text(path.read_text("utf-8").replace("Nord", "Du dossier").replace("Sud", "Midi"), "utf-8")
    text = unescape(client.get(preview.location).text)
    assert "Du dossier" in text and "De la page" in text
    assert confirm(client, preview).status_code == 409
    assert confirm(client, preview, **{"choice:nord": "mine"}).status_code == 302
    assert "De la page" in path.read_text("utf-8") and "Midi" in path.read_text("utf-8")


def test_other_lists_and_enumerators(office: Office) -> None:
    config(office, "besoins.csv").write_text("code,label_fr\neau,Eau\n", "utf-8")
    client = office.client("amina")
    assert (
        "besoins.csv" in client.get("/reglages").text and client.get("/reglages/listes/secrets.env").status_code == 404
    )
    page = "/reglages/listes/besoins.csv"
    preview = hand_in(client, b"code,label_fr,domain\neau,Eau potable,sante\n", to=page)
    form = fields_in(client.get(preview.location).text)
    assert post(client, f"{page}/apercu", page, **form).status_code == 302
    assert config(office, "besoins.csv").read_text("utf-8") == "code,label_fr,domain\neau,Eau potable,sante\n"
    page = "/reglages/listes/enumerators.csv"
    assert hand_in(client, b"user,name\nfati ma,F\n", to=page).status_code == 400
    preview = post(client, page, page, **form_of(client, page) | {"c.0.0": "fatima", "c.0.1": "Fatima"})
    post(client, f"{page}/apercu", page, **fields_in(client.get(preview.location).text))
    assert config(office, "enumerators.csv").read_text("utf-8") == "user,name\nfatima,Fatima\n"
    (change, _) = changes(office.field.mission.desk)
    take_back(client, change.change_id)
    assert not config(office, "enumerators.csv").exists()  # there was none


def test_the_list_as_a_spreadsheet_opens_it(office: Office) -> None:
    answer = office.client("amina").get(f"{ZONES}/telecharger")
    assert answer.data.startswith(b"\xef\xbb\xbfcode,") and "zones.csv" in answer.headers["Content-Disposition"]


def test_short_names_by_language_are_changed_each_in_its_field(office: Office) -> None:
    client, text = office.client("amina"), config(office).read_text("utf-8")
    changed = text.replace('code = "a"', 'code = "a"\nshort = { fr = "GA", en = "AG" }')
    assert changed != text
    config(office).write_text(changed, "utf-8")
    office.field.reopen()
    assert save(client, "quotas", **{"groups.0.short.en": "Grp A"}).status_code == 302
    assert office.field.reopen().config.groups[0].short == {"fr": "GA", "en": "Grp A"}
    mixed = config(office).read_text("utf-8").replace('code = "b"', 'code = "b"\nshort = "GB"')
    config(office).write_text(mixed, "utf-8")
    assert save(client, "quotas", **{"groups.0.label.fr": "Groupe premier"}).status_code == 302
    groups = office.field.reopen().config.groups
    assert [each.short for each in groups] == [{"fr": "GA", "en": "Grp A"}, {"": "GB"}]
    assert groups[0].label["fr"] == "Groupe premier"
