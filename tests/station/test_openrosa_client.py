"""A phone written from the OpenRosa specification alone, at the station (part 9, 11)."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from openrosa_client import Client, Refused
from station_bench import Bench, bench, new_station

from kobo_sync.station import serve
from kobo_sync.station.certificate import server_context
from kobo_sync.steps.station_certificate import station_certificate

KEY = "00000000-0000-4000-8000-{:012}"
ZONES = "name,label\nnord,Nord / الشمال\n".encode()


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path / "station.sqlite") as made:
        made.session.post(
            f"{made.url}/api/v2/assets/{made.uid}/files/",
            data={"description": "zones", "file_type": "form_media", "metadata": '{"filename": "zones.csv"}'},
            files={"content": ("zones.csv", io.BytesIO(ZONES), "text/csv")},
            timeout=20,
        ).raise_for_status()
        version = made.api("GET", "").json()["version_id"]
        answer = made.api("PATCH", "deployment/", json={"active": True, "version_id": version})
        assert answer.status_code == 200
        _let_in(made)
        yield made


def _let_in(field: Bench) -> None:
    permission = {
        "user": f"{field.url}/api/v2/users/agent/",
        "permission": f"{field.url}/api/v2/permissions/add_submissions/",
    }
    assert field.api("POST", "permission-assignments/", json=permission).status_code == 201


def test_it_lists_downloads_and_finds_every_md5_right(field: Bench) -> None:
    phone = Client(field.url, "agent", "secret")
    (form,) = phone.blank_forms()
    xform, media = phone.download(form)
    assert form.form_id == field.uid and field.uid.encode() in xform and media == {"zones.csv": ZONES}


def test_a_form_with_an_arabic_and_an_accented_file_arrives_whole(field: Bench) -> None:
    files = {
        "توقيع 1.jpg": ("image/jpeg", b"\xff\xd8" + bytes(1000)),
        "été à l’école.jpg": ("image/jpeg", b"\xff\xd8" + b"1" * 2000),
        'une "photo".jpg': ("image/jpeg", b"\xff\xd8" + b"2" * 10),
    }
    names = list(files)
    answers = f"<nom>ⵜⴰⵎⴰⵣⵉⵖⵜ</nom><photo>{names[0]}</photo><membre><portrait>{names[1]}</portrait></membre><membre><portrait>{names[2]}</portrait></membre>"
    phone = Client(field.url, "agent", "secret")
    assert phone.submit(field.xml(KEY.format(1), answers), files) == [201]
    row = field.rows()["results"][0]
    assert {each["media_file_basename"] for each in row["_attachments"]} >= set(names[:2])
    for each in row["_attachments"]:
        kind, content = files[each["media_file_basename"].replace("%22", '"')]
        assert field.api("GET", each["download_url"]).content == content and each["mimetype"] == kind
    assert phone.submit(field.xml(KEY.format(1), answers), files) == [202]  # sent again, all of it


def test_large_photos_come_in_several_posts_and_each_once(field: Bench) -> None:
    turns = "".join(f"<membre><portrait>p{n}.jpg</portrait></membre>" for n in range(6))
    files = {f"p{n}.jpg": ("image/jpeg", bytes([n]) * 4_000_000) for n in range(6)}
    phone = Client(field.url, "agent", "secret")
    statuses = phone.submit(field.xml(KEY.format(2), turns), files)
    assert len(statuses) == 3 and set(statuses) == {201}
    (row,) = field.rows()["results"]
    stored = {
        each["media_file_basename"]: field.api("GET", each["download_url"]).content for each in row["_attachments"]
    }
    assert {name: hashlib.md5(content).hexdigest() for name, content in stored.items()} == {
        name: hashlib.md5(content).hexdigest() for name, (_, content) in files.items()
    }
    assert set(phone.submit(field.xml(KEY.format(2), turns), files)) == {202}
    assert field.rows()["count"] == 1 and len(field.rows()["results"][0]["_attachments"]) == 6


def test_a_hundred_and_thirty_small_files_come_in_two_posts(field: Bench) -> None:
    turns = "".join(f"<membre><portrait>p{n}.jpg</portrait></membre>" for n in range(130))
    files = {f"p{n}.jpg": ("image/jpeg", f"{n}".encode()) for n in range(130)}
    assert Client(field.url, "agent", "secret").submit(field.xml(KEY.format(3), turns), files) == [201, 201]
    assert len(field.rows()["results"][0]["_attachments"]) == 130


def test_what_a_phone_shows_when_it_is_refused(field: Bench) -> None:
    phone = Client(field.url, "agent", "secret")
    phone.submit(field.xml(KEY.format(4)), {})
    for xml, status, words in (
        (field.xml(KEY.format(4), "<nom>B</nom>"), 409, "already exists"),
        (field.xml(KEY.format(5)).replace(field.uid.encode(), b"aUnknown"), 404, ""),
        (b"<broken", 400, "XML"),
        (field.xml("").replace(b"uuid:", b""), 400, "Instance ID"),
    ):
        with pytest.raises(Refused) as refused:
            phone.submit(xml, {})
        assert refused.value.status == status and words in refused.value.message
    with pytest.raises(Refused) as refused:
        Client(field.url, "agent", "faux").submit(field.xml(KEY.format(6)), {})
    assert refused.value.status == 401
    assert field.rows()["count"] == 1


def test_under_tls_by_digest_and_by_basic(tmp_path: Path) -> None:
    _, authority, file = station_certificate(tmp_path, "Station", ["127.0.0.1"], datetime.now(UTC))
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(authority.certificate)
    station = new_station(tmp_path / "station.sqlite")
    station.url_scheme = "https"
    with serve(station, tls=server_context(file)) as running, requests.Session() as session:
        session.trust_env, session.verify = False, str(trusted)
        session.headers["Authorization"] = "Token staff-token"
        field = Bench(station, running.url, session)
        field.deploy()
        _let_in(field)
        for n, sends_basic in enumerate((False, True)):
            phone = Client(running.url, "agent", "secret", trusted=str(trusted))
            phone.sends_basic = sends_basic
            assert [form.form_id for form in phone.blank_forms()] == [field.uid]
            assert phone.submit(field.xml(KEY.format(n), "<photo>p.jpg</photo>"), {"p.jpg": ("image/jpeg", b"1")}) == [
                201
            ]
        assert field.rows()["count"] == 2
    station.close()
