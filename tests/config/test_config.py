"""Settings: one wrong thing gives one message with file, key and cure."""

from __future__ import annotations

import pytest
from conftest import MISSION, REPO, ZONES

from kobo_sync.config.config import parse_config, parse_secrets
from kobo_sync.errors import ConfigError

LISTS = {"config/zones.csv": ZONES}


def test_the_repository_mission_reads_as_written() -> None:
    lists = {f"config/{path.name}": path.read_text("utf-8") for path in (REPO / "config").glob("*.csv")}
    config = parse_config((REPO / "config/mission.toml").read_text("utf-8"), lists, {"KOBO_TOKEN": "hidden"})
    assert [(zone.code, zone.target) for zone in config.zones] == [
        ("bertat", 25),
        ("zaouiat_sidi_hamza", 25),
        ("oumjniba", 25),
    ]
    assert config.zones[0].labels == {"fr": "Bertat", "ar": "برطات"}
    assert "hidden" not in repr(config) and config.secret("KOBO_TOKEN") == "hidden"


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("title =", "titel =", "config/mission.toml, mission.titel", "unknown key"),
        ("title =", "#title =", "config/mission.toml, mission.title", "missing"),
        ('code = "essai"', 'code = "essai"\ncolour = "red"', "config/mission.toml, mission.colour", "unknown key"),
        ("starts_on = 2025-02-11", 'starts_on = "demain"', "config/mission.toml, mission.starts_on", "demain"),
        ("ends_on = 2025-02-13", "ends_on = 2025-02-01", "config/mission.toml, mission.ends_on", "before"),
        ("Africa/Casablanca", "Africa/Nowhere", "config/mission.toml, mission.timezone", "time zone"),
        ("a = 2", "zz = 2", "config/mission.toml, quotas.default.zz", "no such group"),
        ("a = 2", "a = -2", "config/mission.toml, quotas.default.a", "-2"),
        ('form = "personnes"', 'form = "gens"', "config/mission.toml, roster.form", "not a form"),
        ('kf = "http://127.0.0.1:1"', 'kf = "kobo"', "config/mission.toml, server.kf", "kobo"),
        (
            'kf = "http://127.0.0.1:1"',
            'kf = "http://kf:99999"',
            "config/mission.toml, server.kf",
            "no server's address",
        ),
        ('kf = "http://127.0.0.1:1"', 'kf = "https://[kobo"', "config/mission.toml, server.kf", "no server's address"),
        (
            'kf = "http://127.0.0.1:1"',
            'kf = "kobo.example.org"',
            "config/mission.toml, server.kf",
            "no server's address",
        ),
        (
            "[codes]",
            '[report]\nterms_of_reference = "../cadre.txt"\n[codes]',
            "config/mission.toml, report.terms_of_reference",
            "cannot name a file",
        ),
        (
            "[codes]",
            '[service]\npublic_url = "pages.example.org"\n[codes]',
            "config/mission.toml, service.public_url",
            "no address of pages",
        ),
        ("[server]", "[server", "config/mission.toml", "not valid TOML"),
        ("[codes]", "[quotas.zones.ouest]\na = 1\n[codes]", "config/mission.toml, quotas.zones.ouest", "no such zone"),
        (
            'file = "personnes.md"',
            'file = "../personnes.md"',
            "config/mission.toml, forms.personnes.file",
            "cannot name a file",
        ),
        ("[codes]", '[schedule]\nrun = ["hourly"]\n[codes]', "config/mission.toml, schedule.run", "five fields"),
        ('role = "registration"', 'role = "king"', "config/mission.toml, forms.personnes.role", "king"),
    ],
)
def test_a_wrong_key_or_value_is_named(old: str, new: str, place: str, said: str) -> None:
    assert old in MISSION
    with pytest.raises(ConfigError) as failure:
        parse_config(MISSION.replace(old, new, 1), LISTS, {})
    assert failure.value.message.startswith(place) and said in failure.value.message
    assert failure.value.hint and failure.value.exit_code == 3


@pytest.mark.parametrize(
    "address", ["central.example.org", "127.0.0.1:8383", "ftp://central.example.org", "https://", "https://c:0"]
)
def test_a_central_address_that_is_none_is_told_once_with_its_key_and_cure(address: str) -> None:
    kobo = 'kf = "http://127.0.0.1:1"\nkc = "http://127.0.0.1:1"\n'
    assert kobo in MISSION
    text = MISSION.replace(kobo, f'kind = "odk-central"\nurl = "{address}"\nproject = 1\n')
    with pytest.raises(ConfigError) as failure:
        parse_config(text, LISTS, {})
    assert failure.value.key == "server.url" and "no server's address" in failure.value.message
    assert "https://" in str(failure.value) or "write a host" in str(failure.value)
    assert not failure.value.others, "kf and kc were not written by anybody"


def test_a_workbook_s_own_id_is_refused_where_the_server_calls_forms_by_it() -> None:
    renamed = MISSION.replace("[forms.visites]\n", '[forms.visites]\nform_id = "Visites 2025"\n', 1)
    assert renamed != MISSION and parse_config(renamed, LISTS, {}).forms["visites"].form_id == "Visites 2025"
    kobo = 'kf = "http://127.0.0.1:1"\nkc = "http://127.0.0.1:1"\n'
    central = 'kind = "odk-central"\nurl = "https://central.example.org"\nproject = 1\n'
    with pytest.raises(ConfigError) as failure:
        parse_config(renamed.replace(kobo, central), LISTS, {})
    assert failure.value.key == "forms.visites.form_id" and "[forms.Visites 2025]" in failure.value.hint


@pytest.mark.parametrize(
    ("zones", "place"),
    [
        (None, "config/zones.csv: there are no zones, and the form"),
        ("code,label_ar\nnord,الشمال\n", "config/zones.csv, label_fr"),
        ("code,label_fr\n", "config/zones.csv: there are no zones"),
        ("code,label_fr\nnord,Nord\nnord,Nord\n", "config/zones.csv, row 3, code"),
        ("code,label_fr\n,Nord\n", "config/zones.csv, row 2, code"),
        ("code,label_fr\nnörd,Nord\n", "config/zones.csv, row 2, code"),
        ("code,label_fr,training_on\nnord,Nord,11/02/2025\n", "config/zones.csv, row 2, training_on"),
        ("code,label_fr,training_on\nnord,Nord,2025-03-11\n", "config/zones.csv, row 2, training_on"),
        ("code,label_fr\nmission,Nord\n", "config/zones.csv, row 2, code"),
        ("code,label_fr\nnord,Nord\nDonnees,Sud\n", "config/zones.csv, row 3, code"),
        ("code,label_fr\ndata,Nord\n", "config/zones.csv, row 2, code"),
        ("code,label_fr\nA-1,Nord\nA-1-nominatif,Sud\n", "config/zones.csv, row 3, code"),
        ("code,label_fr\nA-1,Nord\nA-1-Nominative,Sud\n", "config/zones.csv, row 3, code"),
        ("code,label_fr\nnord,Nord\nNORD,Sud\n", "config/zones.csv, row 3, code"),
        ("code,label_fr\n-nord,Nord\n", "config/zones.csv, row 2, code"),
        ("code,label_fr\ncom1,Nord\n", "config/zones.csv, row 2, code"),
        ("code,label_fr\nas-of-2025-01-01,Nord\n", "config/zones.csv, row 2, code"),
    ],
)
def test_a_faulty_zone_list_is_named_by_row(zones: str | None, place: str) -> None:
    lists = {} if zones is None else {"config/zones.csv": zones}
    with pytest.raises(ConfigError) as failure:
        parse_config(MISSION, lists, {})
    assert failure.value.message.startswith(place) and failure.value.hint


def test_semicolons_byte_order_marks_and_blank_lines_are_read() -> None:
    text = "\ufeffcode;label_fr\nnord;Nord\n;\nsud; Sud \n"
    assert [zone.name for zone in parse_config(MISSION, {"config/zones.csv": text}, {}).zones] == ["Nord", "Sud"]


def test_a_secrets_line_that_is_none_is_named_without_its_content() -> None:
    assert parse_secrets("# note\nKOBO_TOKEN = 'abc'\n") == {"KOBO_TOKEN": "abc"}
    with pytest.raises(ConfigError) as failure:
        parse_secrets("KOBO_TOKEN=abc\nhunter2\n")
    assert "line 2" in str(failure.value) and "hunter2" not in str(failure.value)


@pytest.mark.parametrize("text", ['code,label_fr\nnord,"' + "x" * 140_000, '"' + "x" * 140_000])
def test_a_quote_that_is_never_closed_is_told_with_file_and_row(text: str) -> None:
    """Part 7, B8: a cell longer than Python's reader takes ended the program."""
    with pytest.raises(
        ConfigError, match=r"config/zones.csv, row \d: a quotation mark is opened there and not closed"
    ) as refusal:
        parse_config(MISSION, {"config/zones.csv": text}, {})
    assert "close the quotes" in refusal.value.hint
