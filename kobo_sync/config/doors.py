"""Where secrets go: the servers' addresses, and which of them would carry a token or a password for all to read."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from kobo_sync.config.checks_and_keeping import Settings
from kobo_sync.server_kinds import KOBOTOOLBOX, ODK_CENTRAL, Features

if TYPE_CHECKING:
    from kobo_sync.config.config import Config

CENTRAL = "odk-central"
OF_EACH_MACHINE = ("localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback")


def _reachable(origin: str) -> str:
    """*origin*, when its host and port can be asked for. Raises: ValueError."""
    try:
        parts = urlsplit(origin)
        is_well = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_well = False
    if not is_well:
        raise ValueError("this is no server's address: write a host, and a port from 1 to 65535 where it needs one")
    return origin


ORIGIN = r"^https?://[^/@\s\\?#]+$"
Origin = Annotated[str, Field(pattern=ORIGIN), AfterValidator(_reachable)]


def _origin_of(url: Any) -> Any:
    """*url* as it is meant where somebody copied it with its end. Raises: ValueError for one with more in it."""
    if not isinstance(url, str):
        return url
    origin = re.sub(r"(/v1)?/*$", "", url.strip())
    if re.match(r"https?://[^/]+[/?#]", origin) or "@" in origin:
        raise ValueError(
            "this is more than the server's address: write https://central.example.org, and nothing behind it"
        )
    return origin


class Server(Settings):
    """KoboToolbox's two hosts *kf* and *kc*, and projects to adopt (form_id = asset uid).

    Of the kind ``odk-central`` it is ODK Central at *url*, the forms those of one *project*, by its number.

    *plain_http* lets the token go over plain http to a host that is not this machine; doctor says so each time.
    *at_once* of its projects are pulled, and of its missions served, side by side, over all machines that share the work.
    *requests_per_minute* is how many this program sends there at the most (all missions of one service together).
    """

    kind: Literal["kobotoolbox", "odk-central"] = "kobotoolbox"
    url: Origin | Literal[""] = ""
    project: int | None = Field(default=None, ge=1, le=2_147_483_647)
    kf: Origin
    kc: Origin
    assets: dict[str, str] = {}
    timeout_s: float = Field(default=130, gt=0)
    retries: int = Field(default=5, ge=1, le=20)
    plain_http: bool = False
    at_once: int = Field(default=2, ge=1, le=64)
    requests_per_minute: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_host(cls, data: Any) -> Any:
        """ODK Central has one address for all: programs, people and phones."""
        if isinstance(data, dict) and data.get("kind") == CENTRAL:
            if data.get("kf") or data.get("kc"):
                raise ValueError("kf and kc are KoboToolbox's: take them out, ODK Central has url alone")
            data = {**data, "url": _origin_of(data.get("url"))}
            data = {**data, "kf": data.get("url") or "", "kc": data.get("url") or ""}
            for key, cure in (
                ("url", "https://central.example.org"),
                ("project", "1 (it stands in the project's address)"),
            ):
                if not data.get(key):
                    raise ValueError(f"a server of the kind {CENTRAL} needs {key}: write {key} = {cure}")
        elif isinstance(data, dict) and (data.get("url") or data.get("project")):
            raise ValueError(f'url and project are of ODK Central: write kind = "{CENTRAL}" beside them')
        return data

    @property
    def is_central(self) -> bool:
        """Whether it is ODK Central."""
        return self.kind == CENTRAL

    @property
    def features(self) -> Features:
        """What this kind of server has."""
        return ODK_CENTRAL if self.is_central else KOBOTOOLBOX


class OpenDoor(NamedTuple):
    """A setting by which a secret would go over the network for all to read; *is_let*: another setting allows it."""

    key: str
    message: str
    cure: str
    is_let: bool


def is_this_machine(host: str) -> bool:
    """Whether *host* is a name or address of this machine's own."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def leads_here(url: str) -> bool:
    """Whether a phone that is given *url* would speak to itself: an address that each machine has of its own."""
    try:
        host = (urlsplit(url).hostname or "").lower().rstrip(".")
    except ValueError:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in OF_EACH_MACHINE or host.endswith(".localhost") or _is_short_here(host)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _is_short_here(host: str) -> bool:
    """Whether *host* is this machine's address in a short or old spelling, which resolvers take: 127.1, 2130706433, 0x7f.1."""
    if not re.fullmatch(r"(?:0x[\da-f]{1,8}|\d{1,10})(?:\.(?:0x[\da-f]{1,8}|\d{1,10})){0,3}", host):
        return False
    first, *others = (int(part, 16 if part.startswith("0x") else 10) for part in host.split("."))
    return (first if others else first >> 24) == 127 or not any((first, *others))


def is_plain(url: str) -> bool:
    """Whether what goes to *url* can be read on the way: http to another machine."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and not is_this_machine(parts.hostname or "")
    except ValueError:
        return True


def open_doors(config: Config) -> Iterator[OpenDoor]:
    """The settings of *config* that would show a secret, those that are allowed by name among them."""
    server, smtp = config.server, config.notices.smtp
    if server.is_central and is_plain(server.url):
        yield OpenDoor(
            "server.url",
            f"the e-mail address and the password would go over plain http to {urlsplit(server.url).hostname}, for all on the way to read",
            "write https://. Or set server.plain_http = true, if you own every wire to it",
            server.plain_http,
        )
    at_station = not is_plain(server.kf)  # phones reach a station over the Wi-Fi, this program over its own machine
    addresses = (("kf", server.kf), ("kc", "" if at_station and _is_http(server.kf) else server.kc))
    for key, url in addresses if not server.is_central else ():
        if is_plain(url):
            yield OpenDoor(
                f"server.{key}",
                f"the token would go over plain http to {urlsplit(url).hostname}, for all on the way to read",
                "write https://; for a station on this machine server.kf is http://127.0.0.1 with its port. Or set"
                " server.plain_http = true, if you own every wire to it",
                server.plain_http,
            )
    if smtp and smtp.security == "none" and smtp.username and not is_this_machine(smtp.host):
        yield OpenDoor(
            "notices.smtp.security",
            f"the password would go unencrypted to {smtp.host}",
            'write security = "starttls" or "tls". Or set notices.smtp.plain_password = true, if you own every wire to it',
            smtp.plain_password,
        )


def _is_http(url: str) -> bool:
    return url.startswith("http://")
