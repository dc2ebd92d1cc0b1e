"""The settings of many missions: limits of a server however it is spelt, and whose secret a variable is."""

from __future__ import annotations

import pytest

from kobo_sync.config.federation import ServerLimits, own_environ, parse_federation
from kobo_sync.errors import ConfigError


def test_nothing_need_be_written() -> None:
    settings = parse_federation("")
    assert settings.service.at_once == 0 and settings.limits_of("https://kf.example.org") == ServerLimits()


def test_a_server_s_limits_hold_for_each_spelling_of_its_address() -> None:
    settings = parse_federation('[servers."https://KF.example.org"]\nat_once = 1\nper_minute = 90\n')
    for address in ("https://kf.example.org", "https://kf.example.org:443", "https://Kf.Example.org"):
        assert settings.limits_of(address).at_once == 1 and settings.limits_of(address).per_minute == 90
    assert settings.limits_of("http://kf.example.org").per_minute is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[servers", "not valid TOML"),
        ("[servers.x]\n", "servers.x"),
        ('[servers."https://kf.example.org"]\nat_once = 0\n', "at_once"),
        ('[servers."https://kf.example.org"]\nper_hour = 3\n', "unknown key"),
        ('[servers."https://kf.example.org:99999"]\n', "servers.https://kf.example.org:99999"),
        ('[servers."http://[::1"]\n', "no server's address"),
        (
            '[servers."https://kf.example.org"]\nat_once = 1\n[servers."https://KF.example.org:443"]\nat_once = 2\n',
            "https://kf.example.org and https://KF.example.org:443 are one server",
        ),
        ('[service]\npublic_url = "ftp://x"\n', "service.public_url"),
    ],
)
def test_what_is_wrong_names_its_file_and_key(text: str, place: str) -> None:
    with pytest.raises(ConfigError, match=r"config/federation\.toml") as refused:
        parse_federation(text)
    assert place in refused.value.message and refused.value.hint


def test_a_variable_is_one_mission_s_alone() -> None:
    environ = {"KOBO_TOKEN": "all", "KOBO_TOKEN__NORD": "n", "SMTP_PASSWORD__SUD_2": "s", "PATH": "/bin"}
    names = ("nord", "sud-2", "est")
    assert [own_environ(name, names, environ) for name in names] == [{"KOBO_TOKEN": "n"}, {"SMTP_PASSWORD": "s"}, {}]


def test_two_missions_never_share_a_variable() -> None:
    names = ("sud-2", "sud_2", "SUD_2")
    for name in names:
        with pytest.raises(ConfigError, match="would share"):
            own_environ(name, names, {"KOBO_TOKEN__SUD_2": "s"})
        assert own_environ(name, names, {"KOBO_TOKEN": "s"}) == {}
