"""The station under TLS with a certificate of its own making (part 9, 8)."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from loopback import answer, loopback_server
from station_bench import Bench, new_station

from kobo_sync.errors import KoboUnreachable, StoreError
from kobo_sync.serving import CONNECTIONS, Listening
from kobo_sync.station import serve
from kobo_sync.station.certificate import Credential, new_authority, new_certificate, server_context
from kobo_sync.steps.station_certificate import AUTHORITY, FOLDER, STATION, station_certificate
from kobo_sync.transport import Transport

NOW = datetime.now(UTC).replace(microsecond=0)  # a certificate is held against the machine's clock
HERE = ["127.0.0.1", "localhost", "192.168.1.5"]
KEY = "00000000-0000-4000-8000-{:012}"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Bench, Listening, Path]]:
    _, authority, file = station_certificate(tmp_path, "Mission · station", HERE, NOW)
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(authority.certificate)
    station = new_station(tmp_path / "station.sqlite")
    station.url_scheme = "https"
    with serve(station, tls=server_context(file)) as running, requests.Session() as session:
        session.trust_env = False
        session.verify = str(trusted)
        session.headers["Authorization"] = "Token staff-token"
        field = Bench(station, running.url, session)
        field.deploy()
        yield field, running, trusted
    station.close()


def test_phones_that_trust_the_authority_send_and_fetch(secure: tuple[Bench, Listening, Path]) -> None:
    field, _, _ = secure
    assert field.url.startswith("https://")
    photo = bytes(range(256)) * 12_000  # 3 MB: many records
    for n in range(3):
        assert field.post(field.xml(KEY.format(n), "<photo>p.jpg</photo>"), {"p.jpg": photo}).status_code == 201
    link = field.rows()["results"][0]["_attachments"][0]["download_url"]
    assert link.startswith("https://")
    assert hashlib.sha256(field.api("GET", link).content).digest() == hashlib.sha256(photo).digest()


def test_basic_is_taken_under_tls(secure: tuple[Bench, Listening, Path]) -> None:
    """Android's own HTTP clients that know no Digest; without TLS it would be read on the Wi-Fi [e03, e04]."""
    field, _, trusted = secure
    with requests.Session() as phone:
        phone.trust_env, phone.verify, phone.auth = False, str(trusted), ("agent", "secret")
        assert phone.get(f"{field.url}/formList", timeout=20).status_code == 200


def test_who_does_not_trust_it_or_speaks_no_tls_gets_nothing(secure: tuple[Bench, Listening, Path]) -> None:
    field, running, _ = secure
    with requests.Session() as stranger:
        stranger.trust_env = False
        with pytest.raises(requests.exceptions.SSLError):
            stranger.get(f"{field.url}/formList", timeout=20)
        with pytest.raises(requests.ConnectionError):
            stranger.get(f"http://127.0.0.1:{running.port}/formList", timeout=20)
    assert field.rows()["count"] == 0  # the station goes on


def test_our_client_says_what_is_wrong_with_an_address(secure: tuple[Bench, Listening, Path]) -> None:
    """A certificate that nobody vouches for, and a port that speaks no TLS: told as what they are, with the cure."""
    field, _, _ = secure
    told = []
    with loopback_server(lambda handler, _n: answer(handler, 200, b"{}")) as (plain, _):
        for url in (field.url, plain.replace("http://", "https://")):
            client = Transport("", timeout_s=20, retries=1)
            with pytest.raises(KoboUnreachable) as refused:
                client.send("GET", f"{url}/formList?answer=secret")
            client.close()
            told.append(refused.value)
    assert "certificate cannot be trusted" in told[0].message and "clock" in told[0].hint
    assert "does not speak https" in told[1].message and "port" in told[1].hint
    assert not any("secret" in str(each) for each in told)


@pytest.mark.parametrize("begun", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\n"])
def test_handshakes_that_do_not_end_keep_nobody_out(secure: tuple[Bench, Listening, Path], begun: bytes) -> None:
    field, running, _ = secure
    with contextlib.ExitStack() as opened:
        for _ in range(CONNECTIONS + 30):
            each = opened.enter_context(socket.create_connection(("127.0.0.1", running.port), timeout=20))
            with contextlib.suppress(OSError):  # it was shut already
                each.sendall(begun)
        field.session.close()  # a new connection
        assert field.post(field.xml(KEY.format(1))).status_code == 201


def test_a_refused_body_is_read_as_a_refusal(secure: tuple[Bench, Listening, Path]) -> None:
    field, _, trusted = secure
    with requests.Session() as stranger:
        stranger.trust_env, stranger.verify = False, str(trusted)
        answer = stranger.post(f"{field.url}/submission", data=b"x" * 8_000_000, timeout=20)
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"].startswith("Digest ")


def test_the_fingerprint_is_what_clients_see(secure: tuple[Bench, Listening, Path], tmp_path: Path) -> None:
    _, running, trusted = secure
    context = ssl.create_default_context(cafile=trusted)
    with context.wrap_socket(socket.create_connection(("127.0.0.1", running.port)), server_hostname="localhost") as tls:
        shown = hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest().upper()
    printed, _, _ = station_certificate(tmp_path, "Mission · station", HERE, NOW)
    assert printed.fingerprint.replace(":", "") == shown and printed.fingerprint.count(":") == 31


def test_files_are_the_owners_and_last_until_addresses_change(tmp_path: Path) -> None:
    first, authority, file = station_certificate(tmp_path, "Station", HERE, NOW)
    assert {stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()} == {0o600}
    again, _, _ = station_certificate(tmp_path, "Station", HERE, NOW + timedelta(days=300))
    assert again == first
    moved, same_authority, _ = station_certificate(tmp_path, "Station", [*HERE, "10.1.2.3"], NOW)
    assert moved != first and same_authority == authority  # phones that trust it go on
    late, same_authority, _ = station_certificate(tmp_path, "Station", HERE, NOW + timedelta(days=390))
    assert late not in (first, moved) and same_authority == authority
    _, renewed, _ = station_certificate(tmp_path, "Station", HERE, NOW + timedelta(days=3600))
    assert renewed != authority


def test_a_damaged_file_is_told_and_another_authoritys_certificate_replaced(tmp_path: Path) -> None:
    first, _, file = station_certificate(tmp_path, "Station", HERE, NOW)
    other = new_authority("Other", NOW)
    file.write_bytes(new_certificate(other, HERE, NOW).pem)
    replaced, authority, _ = station_certificate(tmp_path, "Station", HERE, NOW)
    assert replaced.chain == authority.certificate != other.certificate
    file.write_bytes(first.key + replaced.certificate)
    with pytest.raises(StoreError, match=STATION) as told:
        station_certificate(tmp_path, "Station", HERE, NOW)
    assert "restore" in str(told.value.hint)
    (tmp_path / FOLDER / AUTHORITY).write_bytes(b"")
    with pytest.raises(StoreError, match=AUTHORITY):
        station_certificate(tmp_path, "Station", HERE, NOW)


def test_openssl_trusts_it_for_this_room_and_for_nothing_else(tmp_path: Path) -> None:
    authority = new_authority("Station", NOW)
    certificate = new_certificate(authority, [*HERE, "8.8.8.8", "example.org", "station.local"], NOW)
    (tmp_path / "authority.pem").write_bytes(authority.certificate)
    (tmp_path / "station.pem").write_bytes(certificate.certificate)

    def verify(*more: str) -> bool:
        words = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "authority.pem", *more]
        done = subprocess.run([*words, "station.pem"], cwd=tmp_path, capture_output=True, check=False, timeout=60)
        return done.returncode == 0

    assert verify("-verify_ip", "192.168.1.5") and verify("-verify_hostname", "station.local")
    assert not verify("-verify_ip", "8.8.8.8") and not verify("-verify_hostname", "example.org")
    # Were its key stolen, it still could not speak for a site: the limits are in the authority, not in our care.
    stolen = Credential(authority.certificate, authority.key)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kobo_sync.station.certificate.may_vouch_for", lambda _address: True)
        (tmp_path / "station.pem").write_bytes(new_certificate(stolen, ["example.org", "8.8.8.8"], NOW).certificate)
    assert not verify("-verify_hostname", "example.org") and not verify("-verify_ip", "8.8.8.8")
