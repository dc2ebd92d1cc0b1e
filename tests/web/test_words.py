"""No sentence of the program's own is on a page in another language than the page's. Part 8, B31."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from html import unescape
from typing import Any

import pytest
from language.harvest import sentences
from loopback import answer, loopback_server
from pydantic import BaseModel
from web_office import Office

from kobo_sync.config.config import Config
from kobo_sync.desk import runs, worklist
from kobo_sync.desk.runs import Order
from kobo_sync.desk.worklist import refresh
from kobo_sync.errors import KoboSyncError
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.run_log import recorded
from kobo_sync.model import Finding
from kobo_sync.service.jobs import JOBS
from kobo_sync.steps.build import build
from kobo_sync.steps.check import check
from kobo_sync.steps.deliver import deliver
from kobo_sync.steps.deploy import deploy
from kobo_sync.web.words import CHOICES

ENGLISH = re.compile(
    r"\b(?:the|is|are|was|were|and|of|it|its|not|this|that|cannot|with|from|have|has|again|rows?|missing|answered|check|"
    r"write|there|than|by|been|then|if|when|which|run|give|found|should|new|edited|deleted|files?|unchanged)\b"
)
FRENCH = re.compile(
    r"\b(?:le|la|les|des|du|une?|est|dans|sur|pas|avec|pour|ne|aux?|qui|que|par|sont|être)\b|\b[cdjlmnqs]’\w"
)
ARABIC = re.compile("[\u0600-\u06ff]")
OTHERS = {"fr": (ENGLISH, ARABIC), "en": (FRENCH, ARABIC), "ar": (ENGLISH, FRENCH)}  # than the page's language
# What is not the program's: the forged server's own words, codes, commands, addresses, paths, keys, and values in quotes.
CODE = re.compile(
    r"Invalid token\.|check\(facts ?\)|file = |`[^`]*`|https?://\S+|[\w./*-]*[\w*]+[./_][\w./*-]+|'[^']*'|\[[\w.\[\]]+\]|[\w ]+(?:-[a-z]+)?=\S+|kobo-sync \w+(?: -\S+)*|apt install \S+|\b[A-Z]{3,}\d{3}\b"
)
# What only whoever runs a command is told.
COMMAND_LINE = (
    "cli/",
    *(
        f"steps/{verb}.py"
        for verb in ("init", "enrol", "demo", "guide", "print", "export", "status", "history", "restore", "digest")
    ),
)


def astray(html: str, language: str) -> list[str]:
    """The pieces of a page, as people see it, that have words of another language than *language*."""
    main = html.partition("<main")[2].partition("</main>")[0].partition(">")[2]
    main = re.sub(r'<(script|style|select|summary|h1)\b.*?</\1>|<[^>]*class="code"[^>]*>[^<]*<', "<", main, flags=re.S)
    main = re.sub(r"<dd>.*?</dd>", "", main, flags=re.S) if 'class="facts settings"' in main else main
    pieces = [
        " ".join(unescape(re.sub(r"<[^>]+>", " ", piece)).split())
        for piece in re.split(r"</(?:p|li|dt|dd)>|</bdi>\n", main)
    ]
    return [piece for piece in pieces if any(other.search(CODE.sub(" ", piece)) for other in OTHERS[language])]


def _pages(office: Office, *paths: str) -> dict[tuple[str, str], list[str]]:
    """Page and language → what is left of another language."""
    client, left = office.client("maha"), {}
    for language in OTHERS:
        with client.session_transaction() as kept:
            kept["language"] = language
        for path in paths:
            page = client.get(path)
            assert page.status_code == 200, path
            if pieces := astray(page.text, language):
                left[path, language] = pieces
    return left


def _settings(office: Office, old: str, new: str) -> Mission:
    path = office.field.mission.workspace.root / "config" / "mission.toml"
    text = path.read_text("utf-8")
    path.write_text(re.sub(old, new, text, count=1, flags=re.M) if old else text + new, "utf-8")
    return office.field.reopen()


def _recorded(mission: Mission, job: str, act: Callable[[Mission], object] | None = None) -> str:
    """The page of a run of *job* that was carried out, well or not."""
    with suppress(KoboSyncError):
        recorded(mission, job, act or (lambda opened: JOBS[job].act(opened, "")))  # type: ignore[arg-type,return-value]
    return f"/synchronisations/{runs.last_runs(mission.desk, 1)[0].run_id}"


def test_a_run_that_went_well_and_a_diagnosis_without_a_server(office: Office) -> None:
    first = runs.last_runs(office.field.mission.desk, 1)[0].run_id
    doctor = _recorded(office.field.mission, "doctor")
    left = _pages(
        office, "/reglages", "/formulaires", "/qualite", "/synchronisations", f"/synchronisations/{first}", doctor
    )
    assert left == {}


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (401, '{"detail": "Invalid token."}', {}),
        (403, "{}", {}),
        (404, "{}", {}),
        (500, "<!doctype html><title>x</title>", {}),
        (302, "", {"Location": "http://127.0.0.1:1/"}),
        (200, "<html>", {}),
        (200, "[]", {}),
        (200, '{"count": 1}', {}),
    ],
)
def test_a_server_that_answers_amiss(office: Office, status: int, body: str, headers: dict[str, str]) -> None:
    with loopback_server(lambda handler, _: answer(handler, status, body.encode(), **headers)) as (address, _):
        mission = _settings(office, r'^kf = ".*"', f'kf = "{address}"\nretries = 1')
        paths = [_recorded(mission, job) for job in ("pull", "diff", "doctor")]
        paths.append(_recorded(mission, "deploy", deploy))
        left = _pages(office, "/reglages", "/formulaires", "/synchronisations", *paths)
    assert left == {}


def test_no_server_at_all_and_settings_that_lack(office: Office) -> None:
    mission = _settings(office, r'^kf = ".*"', 'kf = "http://127.0.0.1:9"\nretries = 1')
    paths = [_recorded(mission, job) for job in ("run", "pull", "reconcile", "diff", "purge", "backup", "digest")]
    assert _pages(office, "/reglages", "/synchronisations", *paths) == {}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r"^code = .*", "code ="),
        (r"^starts_on = .*", 'starts_on = "2025-13-01"'),
        (r"^ends_on = .*", "ends_on = 2001-01-01"),
        ("", "\n[pull]\npage_size = 'many'\n"),
        ("", "\n[pull]\npage_size = -1\n"),
        ("", "\n[pull]\npagesize = 10\n"),
        ("", "\n[service]\nlog_format = 'xml'\n"),
        ("", "\n[privacy]\nkeep = ['nobody.nothing']\n"),
        ("", "\n[checks]\noff = 'DATA001'\n"),
        ("", "\n[roster]\nform = 'nope'\n"),
        ("", "\n[quotas.zones.mars]\na = 3\n"),
        (r"^timezone = .*", 'timezone = "Mars/Olympus"'),
    ],
)
def test_settings_at_fault(office: Office, old: str, new: str) -> None:
    office.client("maha").get("/")
    _settings(office, old, new)
    text = office.client("maha").get("/reglages").text
    assert "Un fichier de réglages est en faute" in text
    assert _pages(office, "/reglages") == {}


def test_a_form_at_fault(office: Office) -> None:
    folder = office.field.mission.workspace.root / "forms"
    path = sorted(path for path in folder.iterdir() if path.is_file())[0]
    for content in (b"", b"no workbook", b"PK\x03\x04 broken"):
        path.write_bytes(content)
        mission = office.field.reopen()
        paths = [_recorded(mission, "check", check), _recorded(mission, "build", build), _recorded(mission, "doctor")]
        assert _pages(office, "/formulaires", "/reglages", *paths) == {}, content


def test_papers_that_cannot_be_made_or_sent(office: Office) -> None:
    mission = _settings(office, r"^mission = .*|\Z", "")
    out = mission.workspace.out
    for path in sorted(out.rglob("*.pdf"))[:1]:
        path.write_bytes(path.read_bytes() + b"\n% edited")
    paths = [_recorded(mission, "deliver", deliver)]
    for manifest in out.rglob("*.json"):
        manifest.unlink()
    paths.append(_recorded(mission, "deliver", deliver))
    paths.append(_recorded(mission, "build", lambda opened: build(opened, zones=["mars"])))
    paths.append(_recorded(mission, "build", lambda opened: build(opened, pdf=True)))
    assert _pages(office, *paths) == {}


def test_every_sentence_of_the_code_as_a_finding_of_a_run_and_on_the_worklist(office: Office) -> None:
    """Each with values that are codes, as message, as place and as cure."""
    desk, now = office.field.mission.desk, office.field.clock()
    texts = [
        re.sub(r"\{(\d+)\}", r"`v\1`", text)
        for text, module in sentences().items()
        if not module.startswith(COMMAND_LINE)
    ]
    findings = [Finding("DATA016", "warning", f"x/`{n}`", text, text) for n, text in enumerate(texts)]
    paths = []
    for at in range(0, len(findings), 100):
        run = runs.start_run(desk, "pull", Order("schedule"), now, "here", 1)
        report = {"findings": [asdict(each) for each in findings[at : at + 100]], "lines": texts[at : at + 100]}
        runs.end_run(desk, run, now, "findings", report)
        paths.append(f"/synchronisations/{run}")
    assert _pages(office, *paths) == {}
    refresh(desk, [replace(finding, why=finding.message) for finding in findings[::5]], now)
    page = worklist.page(desk, states=(), limit=500)
    assert len(page.items) > 150
    assert _pages(office, "/qualite", *(f"/qualite/{item.key}" for item in page.items[::9])) == {}


# ── settings ──


def test_a_setting_is_told_by_what_it_decides_and_its_value_in_words(office: Office) -> None:
    """Label first, the key beside it; what is not set is not there."""
    _settings(office, "", "\n[notices]\nquota_hour = 10:30:00\nendangered_below = 0.75\n")
    text = unescape(office.client("maha").get("/reglages").text)

    def value_of(key: str) -> str:
        label, _, rest = text.partition(f'<bdi class="code" dir="ltr">{key}</bdi></dt><dd><bdi>')
        assert label.rstrip().rpartition("<dt>")[2], key
        return rest.partition("</bdi></dd>")[0].replace("\u202f", " ")

    assert value_of("server.plain_http") == "non"
    assert value_of("schedule.pull") == "toutes les 15 minutes de 7 h à 21 h"
    assert value_of("schedule.reconcile") == "chaque jour à 04:00"
    assert value_of("notices.endangered_below").replace("\u00a0", " ") == "75 %"
    assert value_of("notices.quota_hour") == "10:30"
    assert value_of("mission.starts_on") == f"{office.field.mission.config.mission.starts_on:%d/%m/%Y}"
    assert value_of("service.log_format") == "texte simple"
    assert "Lignes demandées à la fois <bdi" in text and "None" not in text and "True" not in text
    assert "notices.smtp" not in text


def test_every_setting_that_chooses_has_words_for_each_choice() -> None:
    def literals(kind: Any, key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        origin, inner = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Literal:
            yield key, inner
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            for name, info in kind.model_fields.items():
                yield from literals(info.annotation, f"{key}.{name}".lstrip("."))
        else:
            items = inner[1:] if origin is dict else inner
            for each in items:
                star = ".*" if origin is dict or (origin is list and _is_table(each)) else ""
                yield from literals(each, f"{key}{star}")

    found = dict(literals(Config, ""))
    assert found
    assert {
        key: [code for code in codes if code and code not in CHOICES.get(key, {})] for key, codes in found.items()
    } == {key: [] for key in found}


def _is_table(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def test_what_a_server_says_is_never_html(office: Office) -> None:
    """Escaped in each language, within a sentence of ours and beside it."""
    desk, now = office.field.mission.desk, office.field.clock()
    evil = "<img src=x onerror=alert(1)>"
    for text in (
        evil,
        f"GET http://x answered 502: the server cannot answer now ({evil})",
        f"no whole answer ({evil})",
    ):
        run = runs.start_run(desk, "pull", Order("schedule"), now, "here", 1)
        runs.end_run(desk, run, now, "failed", {"error": text, "hint": text, "lines": [text]})
        client = office.client("maha")
        for language in OTHERS:
            with client.session_transaction() as kept:
                kept["language"] = language
            page = client.get(f"/synchronisations/{run}").text
            assert "<img" not in page.partition("<main")[2] and "onerror=alert(1)" in unescape(
                re.sub(r"</?bdi[^>]*>", "", page)
            )
