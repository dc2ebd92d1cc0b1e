"""A mission made by `init` works as it is: lint, demo; in every kind and language, with zones and groups of one's own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from kobo_sync.cli.verbs import cli
from kobo_sync.config.comments import comments_of, with_comments
from kobo_sync.errors import ConfigError
from kobo_sync.language.speaking import LANGUAGES, Code
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.doctor import doctor
from kobo_sync.steps.init import TEMPLATES, NewMission, Template, init, server_for_phones, zones_file
from kobo_sync.steps.lint import lint_mission
from kobo_sync.workspace.folders import find

STARTER = Path(__file__).parents[2] / "kobo_sync" / "starter"


def opened(folder: Path) -> Mission:
    return Mission(find(folder), {})


@pytest.mark.parametrize("template", [each for each in TEMPLATES if each != "empty"])
def test_a_new_mission_of_each_kind_lints_clean_and_its_demo_runs(template: Template, tmp_path: Path) -> None:
    init(tmp_path / "neuve", NewMission(template))
    command = [sys.executable, "-m", "kobo_sync", "demo", "--workspace", str(tmp_path / "neuve")]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ}, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (zone, *_) = opened(tmp_path / "neuve").config.zones
    assert (tmp_path / "neuve" / "exports" / "demo" / f"{zone.code}.zip").is_file()


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("documents", LANGUAGES)
def test_each_kind_in_each_language_lints_clean_and_its_comments_speak_it(
    template: Template, documents: Code, tmp_path: Path
) -> None:
    written = init(tmp_path / "neuve", NewMission(template, documents))
    assert {"config/mission.toml", "config/zones.csv", ".gitignore", "docs/operations.md"} <= set(written)
    mission = opened(tmp_path / "neuve")
    assert [form.findings for form in lint_mission(mission)] == [()] * len(mission.config.forms)
    languages = ("fr", "ar") if documents == "fr" else (documents,)
    assert {form.languages for form in mission.forms.values()} == (set() if template == "empty" else {languages})
    assert mission.config.mission.document_language.code == documents
    text = (tmp_path / "neuve" / "config" / "mission.toml").read_text("utf-8")
    english = set(comments_of((STARTER / template / "config" / "mission.toml").read_text("utf-8")))
    assert len(english & set(comments_of(text))) == (len(english) if documents == "en" else 0)
    assert max(map(len, text.splitlines())) < 200


def test_comments_are_translated_and_nothing_else() -> None:
    for path in STARTER.rglob("mission.toml"):
        text = path.read_text("utf-8")
        assert tomllib.loads(with_comments(text, str.upper)) == tomllib.loads(text)
    told = with_comments('# One.\n# Two.\n\n[a]  # three\nb = "x  # y"\n# c = 1  # four\n', str.upper)
    assert "# ONE. TWO.\n" in told and "# THREE" in told and "# c = 1" in told and "# FOUR" in told


def test_zones_groups_and_dates_of_ones_own(tmp_path: Path) -> None:
    new = NewMission(
        documents="en",
        languages=("en", "fr"),
        title="Water committees",
        starts_on=date(2026, 3, 1),
        ends_on=date(2026, 3, 2),
        zones=("Aït’s / Ayach", "con", "جبل طارق", "Aït s Ayach"),
        groups={"Women’s committees": 12, "Men": None},
        organisations=("Water Aid", "Amane"),
        kf="https://eu.kobotoolbox.org/",
        timezone="Africa/Dakar",
    )
    init(tmp_path / "eau", new)
    mission = opened(tmp_path / "eau")
    config = mission.config
    assert [zone.code for zone in config.zones] == ["ait_s_ayach", "zone_2", "zone_3", "zone_4"]
    assert [zone.name for zone in config.zones] == list(new.zones)
    assert [zone.days for zone in config.zones] == [(date(2026, 3, 1),), (date(2026, 3, 2),), (), ()]
    assert len({zone.extra["prefix"] for zone in config.zones}) == 4
    assert [(group.code, group.name) for group in config.groups] == [
        ("women_s_committees", "Women’s committees"),
        ("men", "Men"),
    ]
    assert config.quotas.default == {"women_s_committees": 12, "men": 5}
    assert [each.name for each in config.organisations] == ["Water Aid", "Amane"]
    assert (str(config.server.kf), str(config.server.kc)) == (
        "https://eu.kobotoolbox.org",
        "https://kc-eu.kobotoolbox.org",
    )
    assert (config.mission.title, config.mission.timezone) == ("Water committees", "Africa/Dakar")
    form = mission.forms["inscription"]
    assert [choice.name for choice in form.choices["groupe"]] == ["women_s_committees", "men"]
    assert (form.title, form.default_language) == ("Registration of participants", "en")
    assert [each.findings for each in lint_mission(mission)] == [()] * 3


def test_zones_of_a_list_get_the_prefixes_that_it_lacks(tmp_path: Path) -> None:
    """Without them two zones would give their participants the same codes."""
    text = "code,label_fr,prefix\nnord,Nord,\nnordest,Nord-est,NOR\nsud,Sud,\n"
    init(tmp_path / "m", NewMission(zones_csv=text))
    mission = opened(tmp_path / "m")
    prefixes = [zone.extra["prefix"] for zone in mission.config.zones]
    assert prefixes[1] == "NOR" and len(set(prefixes)) == 3 and all(prefixes)
    many = "code,label_fr\n" + "".join(f"zone{n},Zone {n}\n" for n in range(1500))
    init(tmp_path / "many", NewMission(zones_csv=many))
    assert len({zone.extra["prefix"] for zone in opened(tmp_path / "many").config.zones}) == 1500
    path = tmp_path / "m" / "config" / "zones.csv"
    path.write_text(path.read_text("utf-8").replace("NOR", ""), "utf-8")
    assert any("get the same codes" in line for line in doctor(opened(tmp_path / "m")).lines)


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("cp1256", ";"), ("cp1252", ",")]
)
def test_zones_of_a_list_from_whatever_program(encoding: str, delimiter: str, tmp_path: Path) -> None:
    """`--zones-file` reads what the page of lists reads."""
    name = "Señal, über" if encoding == "cp1252" else "Bertat العليا"
    (tmp_path / "zones.csv").write_bytes(f'code,label_fr,training_on\nx,"{name}",4/3/2025\n'.replace(",", delimiter).replace(f"l{delimiter} ", "l, ").encode(encoding))  # fmt: skip
    run = CliRunner().invoke(cli, ["init", str(tmp_path / "m"), "--zones-file", str(tmp_path / "zones.csv"), "--yes", "--language", "fr", "--form-language", "fr", "--starts-on", "2025-03-01", "--ends-on", "2025-03-09"])  # fmt: skip
    assert run.exit_code == 0, run.output
    (zone,) = opened(tmp_path / "m").config.zones
    assert (zone.name, zone.days) == (name, (date(2025, 3, 4),))
    (tmp_path / "zones.csv").write_bytes(b'code,label_fr\nx,"X\ny,Y\n')
    with pytest.raises(ConfigError, match=f"{tmp_path / 'zones.csv'}, row 2: a quotation mark"):
        zones_file(tmp_path / "zones.csv")


@pytest.mark.parametrize("template", ["training", "survey", "distribution", "empty"])
def test_a_mission_in_another_language_has_no_french_name(template: Template, tmp_path: Path) -> None:
    for language in ("en", "ar"):
        init(tmp_path / language, NewMission(template=template, documents=language))
        config = opened(tmp_path / language).config
        names = [config.mission.title, *(each.name for each in config.organisations)]
        assert not any(name.startswith(("Ma ", "Mon ")) for name in names), names
    init(tmp_path / "fr", NewMission(template=template))
    assert opened(tmp_path / "fr").config.organisations[0].name == "Mon organisation"


def test_sixty_zones_get_codes_and_prefixes_that_all_differ(tmp_path: Path) -> None:
    init(tmp_path / "m", NewMission(zones=[f"Douar de l’Oued n° {n}" for n in range(60)]))
    zones = opened(tmp_path / "m").config.zones
    assert len({zone.code for zone in zones}) == len({zone.extra["prefix"] for zone in zones}) == 60


def test_a_list_of_zones_is_taken_as_it_is_and_a_wrong_one_names_its_row(tmp_path: Path) -> None:
    text = "code;label_fr;label_ar\nnord;Nord;الشمال\nsud;Sud;الجنوب\n"
    init(tmp_path / "m", NewMission(zones_csv=text))
    assert [zone.code for zone in opened(tmp_path / "m").config.zones] == ["nord", "sud"]
    with pytest.raises(ConfigError, match="row 3, code") as refused:
        init(tmp_path / "n", NewMission(zones_csv="code,label_fr\nnord,Nord\nmission,Sud\n"))
    assert "zones.csv" in str(refused.value) and not (tmp_path / "n").exists()


def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine", "utf-8")
    with pytest.raises(ConfigError, match="not empty"):
        init(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--starts-on", "2026-03-05", "--ends-on", "2026-03-01"], "before starts_on"),
        (["--timezone", "Mars/Olympus"], "is no time zone"),
        (["--server", "https://kobo.example.org"], "--phones-server"),
        (["--project", "4"], "give its address with --server"),
        (
            ["--server", "https://central.example.org/#/projects/4", "--phones-server", "https://x.org"],
            "--project is of",
        ),
        (["--group", "Women=many"], "is no number of persons"),
        (["--zones-file", "no-such.csv"], "no-such.csv"),
        (["--zone", " "], "one of the names is empty"),
        (["--server", "ftp://kobo.example.org", "--phones-server", "ftp://kobo.example.org"], "server.kf"),
    ],
)
def test_what_makes_no_mission_is_refused_and_nothing_is_written(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "m"), *arguments])
    assert done.exit_code != 0 and message in f"{done.output} {done.exception}"
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("template", ["training", "survey", "distribution", "empty"])
@pytest.mark.parametrize(
    "server",
    [
        ["--server", "https://central.example.org/", "--project", "12"],
        ["--server", "https://central.example.org/#/projects/12/forms"],
    ],
    ids=["number", "page"],
)
def test_a_mission_of_odk_central_is_begun_by_its_project_s_page(
    template: str, server: list[str], tmp_path: Path
) -> None:
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "m"), "--yes", "--template", template, *server])
    assert done.exit_code == 0, done.output
    settings = opened(tmp_path / "m").config.server
    assert (settings.kind, settings.url, settings.project) == ("odk-central", "https://central.example.org", 12)


def test_where_phones_send_is_known_for_the_public_servers_and_those_called_alike() -> None:
    assert server_for_phones("https://kf.kobotoolbox.org") == "https://kc.kobotoolbox.org"
    assert server_for_phones("https://kf.kobo.example.org/") == "https://kc.kobo.example.org"
    assert server_for_phones("https://forms.example.org") == ""


def test_it_asks_somebody_at_the_keyboard(tmp_path: Path) -> None:
    """A real terminal: answers are typed, empty ones take what is offered."""
    answers = [
        "distribution",
        "en",
        "",
        "Winter aid",
        "2026-12-01",
        "",
        "Camp One, Camp Two",
        "Displaced=40, Host",
        "Amane",
        "",
    ]
    controller, terminal = pty.openpty()
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "kobo_sync", "init", str(tmp_path / "aid")],
            stdin=terminal, stdout=terminal, stderr=terminal, env={**os.environ, "KOBO_SYNC_LANG": "fr"},
        )  # fmt: skip
        os.write(controller, "".join(f"{answer}\n" for answer in answers).encode())
        os.close(terminal)
        shown = b""
        try:
            while part := os.read(controller, 65536):
                shown += part
        except OSError:  # the terminal is gone with its last process
            pass
        assert child.wait(timeout=60) == 0, shown.decode()
    finally:
        os.close(controller)
    assert "Genre de mission" in shown.decode() and "Zones" in shown.decode()
    config = opened(tmp_path / "aid").config
    assert [zone.name for zone in config.zones] == ["Camp One", "Camp Two"]
    assert config.quotas.default == {"displaced": 40, "host": 5}
    assert (config.mission.title, config.mission.starts_on) == ("Winter aid", date(2026, 12, 1))
