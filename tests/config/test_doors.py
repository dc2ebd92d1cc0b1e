"""No secret goes over the network for all to read, unless a setting says so by name (part 7, B10)."""

from __future__ import annotations

import pytest
from conftest import MISSION, ZONES

from kobo_sync.config.config import Config, parse_config
from kobo_sync.config.doors import is_plain, open_doors
from kobo_sync.errors import ConfigError

SMTP = '\n[notices.smtp]\nhost = "{host}"\nsecurity = "none"\nusername = "u"\nsender = "a@b.org"\n'


def _config(kf: str = "http://127.0.0.1:1", kc: str = "http://127.0.0.1:1", more: str = "", end: str = "") -> Config:
    text = MISSION.replace('kf = "http://127.0.0.1:1"', f'kf = "{kf}"\n{more}').replace(
        'kc = "http://127.0.0.1:1"', f'kc = "{kc}"'
    )
    return parse_config(text + end, {"config/zones.csv": ZONES}, {})


@pytest.mark.parametrize(
    "url",
    [
        "http://kf.example.org",
        "http://192.168.1.20:8080",
        "http://127.1",
        "http://localhost.evil.example",
        "http://[2001:db8::1]:80",
    ],
)
def test_a_token_over_plain_http_is_refused_naming_key_and_cure(url: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        _config(url)
    assert "config/mission.toml, server.kf" in refusal.value.message and "https" in refusal.value.hint
    with pytest.raises(ConfigError, match=r"server\.kc"):
        _config("https://kf.example.org", url)
    (door, *_) = open_doors(_config(url, more="plain_http = true"))
    assert door.is_let and door.key == "server.kf"


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8080", "http://127.0.0.1", "http://127.9.9.9:1", "http://[::1]:8080", "https://kf.example.org"],
)
def test_this_machine_and_https_are_no_open_doors(url: str) -> None:
    assert not is_plain(url) and not list(open_doors(_config(url, url)))


def test_phones_reach_a_station_over_the_wifi_while_the_program_stays_on_its_machine() -> None:
    assert not list(open_doors(_config("http://127.0.0.1:8080", "http://192.168.1.20:8080")))


@pytest.mark.parametrize(
    "url",
    ["https://user@kf.example.org", "https://kf.example.org/path", "https://kf example", "https://a\\\\b", "ftp://a"],
)
def test_an_address_is_a_scheme_a_host_and_a_port(url: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.kf"):
        _config(url)


def test_a_mail_password_goes_encrypted() -> None:
    with pytest.raises(ConfigError, match=r"notices\.smtp\.security"):
        _config(end=SMTP.format(host="mail.example.org"))
    assert not list(open_doors(_config(end=SMTP.format(host="127.0.0.1"))))
    assert [
        door.is_let
        for door in open_doors(_config(end=SMTP.format(host="mail.example.org") + "plain_password = true\n"))
    ] == [True]


def test_a_share_link_has_a_longest_life() -> None:
    with pytest.raises(ConfigError, match="longest_share_days"):
        _config(end="\n[service]\nshare_days = 60\n")
    assert _config().service.longest_share_days == 30
