"""Whatever bytes come from outside, they are read or refused with a message of ours: nothing crashes, hangs or swells.

Each reader is given a good input that was spoilt in some places. ``CASES`` of them each here; `make trust` sets TRUST_CASES for 10,000 in all.
Seeded: the same run gives the same cases.
"""

from __future__ import annotations

import io
import os
import resource
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from central_field import xform
from conftest import MISSION, PERSONNES, VISITES, ZONES
from docx import Document
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kobo_sync.central.wire import listing as central_listing
from kobo_sync.central.wire import protocol as central
from kobo_sync.config.config import parse_config, parse_secrets
from kobo_sync.config.federation import parse_federation
from kobo_sync.config.lists import read_csv
from kobo_sync.documents.word.living import flattened, rebuild
from kobo_sync.documents.word.template import Content
from kobo_sync.errors import KoboSyncError
from kobo_sync.forms.media import list_csv
from kobo_sync.forms.sheets import as_workbook, cells_sha256, read_book
from kobo_sync.forms.xlsform import read_form
from kobo_sync.kobo.wire import protocol as kobo
from kobo_sync.rows import listing
from kobo_sync.rows.instance import Malformed, answers, read_instance
from kobo_sync.station.workbook import check_sheets, content_of, read_workbook

CASES = int(os.environ.get("TRUST_CASES", "25"))
MOST_S, MOST_MB = 2.0, 200.0  # of processor, and of memory beyond what was there before
TOKENS = (
    *(b"\x00", b"\xff\xfe", b"\xed\xa0\x80", "\u202e".encode(), "\u2066".encode(), b"\\ud800", b"\\u0000"),
    *(b"<", b"&", b'"', b"'", b"]]>", b"{", b"}", b"[", b",", b";", b"\n", b"\r", b"=", b"|", b"-1", b"1e999"),
    *(b"9" * 400, b"null", b"[" * 3000, b'{"a":' * 3000, b"<a>" * 3000, b"../" * 20, b"=cmd|'/c calc'!A1", b"${" * 50),
    *(
        b"(a+)+$",
        b"A" * 70_000,
        b"<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>",
        b"&e;",
        b"{{ 7*7 }}",
        b"#{1+1}",
    ),
)
WORKBOOK = as_workbook(PERSONNES.encode(), "personnes.md")[0]
INSTANCE = (
    b"<?xml version='1.0' ?><data id='visites' version='1' xmlns:orx='http://openrosa.org/xforms'><zone>nord</zone>"
    b"<membre><prenom>Awa</prenom></membre><membre><prenom>Ali</prenom></membre><photo>a.png</photo>"
    b"<orx:meta><orx:instanceID>uuid:4f6c3f0e-0000-4000-8000-000000000001</orx:instanceID></orx:meta></data>"
)
ROW = (
    b'{"_id":7,"_uuid":"4f6c3f0e-0000-4000-8000-000000000001","meta/rootUuid":"uuid:4f6c3f0e-0000-4000-8000-000000000001",'
    b'"_submission_time":"2025-02-11T08:00:00","_attachments":[{"uid":"att1","filename":"a/b.png","download_url":"http://x/y"}],'
    b'"_validation_status":{"uid":"validation_status_approved"},"__version__":"v1","zone":"nord","g/membre":[{"g/membre/prenom":"Awa"}]}'
)
PAGE = b'{"count":2,"next":null,"previous":null,"results":[' + ROW + b"," + ROW.replace(b'"_id":7', b'"_id":8') + b"]}"
ASSET = (
    b'{"uid":"aAbC","name":"Visites","version_id":"v1","deployed_version_id":"v1","has_deployment":true,"deployment__active":true,'
    b'"owner__username":"maha","settings":{"description":"{}"},"permissions":[],"files":[],"content":{"survey":[]}}'
)
LISTED = (
    b'{"value":[{"__id":"uuid:4f6c3f0e-0000-4000-8000-000000000001","__system":{"submissionDate":"2025-02-11T08:00:00.000Z",'
    b'"updatedAt":null,"submitterName":"a","attachmentsPresent":1,"attachmentsExpected":1,"status":null,"reviewState":"approved",'
    b'"edits":0,"formVersion":"1","deletedAt":null}}],"@odata.count":1}'
)


def _document() -> bytes:
    paper, out = Document(), io.BytesIO()
    paper.add_heading("Rapport", 1)
    paper.add_paragraph("Texte de la mission {{ titre }}")
    paper.add_table(2, 2).cell(0, 0).text = "Zone"
    paper.save(out)
    return out.getvalue()


def _zip_of(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield from ((name, archive.read(name)) for name in archive.namelist())


def _repacked(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _read_phone_row(content: bytes) -> None:
    answers(read_instance(content), {"membre"})


def _read_central_row(content: bytes) -> None:
    central_listing.form_version(content)
    fields = central.parse_fields(FIELDS)
    central_listing.file_names(content, fields)
    central_listing.row_of(central_listing.parse_listing(LISTED).rows[0], content, fields, "/v1/x", None)


def _read_edited_report(content: bytes) -> None:
    rebuild(content, Content({}, {}), "r.docx")
    flattened(content)


def _config(text: str) -> None:
    parse_config(text, {"zones.csv": ZONES, "config/zones.csv": ZONES}, {})


FIELDS = b'[{"path":"/zone","type":"string","binary":null},{"path":"/membre","type":"repeat","binary":null},{"path":"/photo","type":"binary","binary":true}]'
READERS: dict[str, tuple[bytes, Callable[[bytes], Any]]] = {
    "XLSForm, Markdown": (VISITES.encode(), lambda b: read_form(b, "visites.md")),
    "XLSForm, workbook's bytes": (WORKBOOK, lambda b: read_form(b, "personnes.xlsx")),
    "XLSForm, workbook's cells": (WORKBOOK, lambda b: (read_book(b, "f.xlsx"), cells_sha256(b, "f.xlsx"))),
    "workbook given to the station": (WORKBOOK, lambda b: content_of(_checked(b), "salt")),
    "instance of a phone": (INSTANCE, _read_phone_row),
    "instance of ODK Central": (INSTANCE, _read_central_row),
    "page of KoboToolbox": (PAGE, listing.split_page),
    "light page of KoboToolbox": (PAGE, listing.parse_light_page),
    "statuses of KoboToolbox": (PAGE, listing.parse_statuses),
    "row of KoboToolbox": (ROW, lambda b: listing.content_hash(listing.parse_submission(b, "visites"))),
    "head of a row": (ROW, listing.parse_head),
    "history of KoboToolbox": (PAGE, lambda b: list(listing.parse_events(b))),
    "project of KoboToolbox": (ASSET, kobo.parse_asset),
    "projects of KoboToolbox": (b'{"count":1,"next":null,"results":[' + ASSET + b"]}", kobo.parse_assets),
    "list of forms": (
        b"<xforms><xform><formID>a</formID><name>A</name><hash>md5:1</hash></xform></xforms>",
        kobo.parse_form_list,
    ),
    "manifest": (
        b"<manifest><mediaFile><filename>a.csv</filename><hash>md5:1</hash></mediaFile></manifest>",
        kobo.parse_manifest,
    ),
    "hooks": (b'{"results":[{"uid":"h","name":"n","endpoint":"http://x","active":true}]}', kobo.parse_hooks),
    "listing of ODK Central": (LISTED, central_listing.parse_listing),
    "project of ODK Central": (
        b'{"id":1,"name":"P","archived":null,"keyId":null,"verbs":["form.read"]}',
        central.parse_project,
    ),
    "fields of ODK Central": (FIELDS, central.parse_fields),
    "media of ODK Central": (
        b'[{"name":"a.csv","type":"file","exists":true,"blobExists":true,"hash":"1"}]',
        central.parse_media,
    ),
    "session of ODK Central": (b'{"token":"abc","expiresAt":"2025-02-12T08:00:00.000Z"}', central.parse_session),
    "mission.toml": (MISSION.encode(), lambda b: _config(_text(b))),
    "federation.toml": (b'[servers."https://kf.example.org"]\nat_once = 1\n', lambda b: parse_federation(_text(b))),
    "secrets.env": (b"KOBO_TOKEN=abc\n# note\nSMTP_PASSWORD=x y\n", lambda b: parse_secrets(_text(b))),
    "zones.csv": (ZONES.encode(), lambda b: read_csv(_text(b), "zones.csv", required=("code",))),
    "list of a form": (ZONES.encode(), lambda b: list_csv(_text(b), "zones.csv", ("fr", "ar"))),
    "edited report, its bytes": (_document(), _read_edited_report),
}
IN_ZIPS: dict[
    str, tuple[bytes, Callable[[bytes], Any]]
] = {  # what lies in the zip is spoilt, and packed again as it should be
    "XLSForm, its parts": (WORKBOOK, lambda b: read_form(b, "personnes.xlsx")),
    "workbook given to the station, its parts": (WORKBOOK, lambda b: content_of(_checked(b), "salt")),
    "edited report, its parts": (_document(), _read_edited_report),
}


def _checked(content: bytes) -> Any:
    sheets = read_workbook(content)
    check_sheets(sheets)
    return sheets


edits = st.lists(
    st.tuples(
        st.integers(0, 1_000_000), st.integers(0, 40), st.one_of(st.sampled_from(TOKENS), st.binary(max_size=12))
    ),
    max_size=6,
)


def spoilt(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """*content* with bytes put in the place of others: (per million of its length, how many go, what comes)."""
    for place, n_gone, token in changes:
        at = place * len(content) // 1_000_000
        content = content[:at] + token + content[at + n_gone :]
    return content


def _is_read_or_refused(read: Callable[[bytes], Any], content: bytes) -> None:
    before = _memory_mb()
    began = time.process_time()
    try:
        read(content)
    except (KoboSyncError, Malformed) as error:
        assert str(error).strip()
    took = time.process_time() - began
    assert took < MOST_S, f"{took:.1f} s of processor"
    assert _memory_mb() - before < MOST_MB


def _memory_mb() -> float:
    """The most that this process ever had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 if sys.platform == "linux" else 1024**2)


bounded = settings(
    max_examples=CASES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@pytest.mark.parametrize("name", READERS)
def test_spoilt_bytes_are_read_or_refused(name: str) -> None:
    good, read = READERS[name]
    read(good)

    @bounded
    @given(edits)
    def every_case(changes: list[tuple[int, int, bytes]]) -> None:
        _is_read_or_refused(read, spoilt(good, changes))

    every_case()


@pytest.mark.parametrize("name", IN_ZIPS)
def test_spoilt_parts_of_a_zip_are_read_or_refused(name: str) -> None:
    good, read = IN_ZIPS[name]
    read(good)
    parts = dict(_zip_of(good))

    @bounded
    @given(st.sampled_from(sorted(parts)), edits)
    def every_case(part: str, changes: list[tuple[int, int, bytes]]) -> None:
        _is_read_or_refused(read, _repacked({**parts, part: spoilt(parts[part], changes)}))

    every_case()


@pytest.mark.parametrize("form", [PERSONNES, VISITES], ids=["personnes", "visites"])
def test_a_spoilt_form_of_odk_central_is_read_or_refused(form: str) -> None:
    """The XForm that a server gives back, written as a workbook."""
    from kobo_sync.forms.xform_workbook import workbook_of

    good = xform(form)

    @bounded
    @given(edits)
    def every_case(changes: list[tuple[int, int, bytes]]) -> None:
        _is_read_or_refused(lambda content: workbook_of(content, "f"), spoilt(good, changes))

    every_case()
