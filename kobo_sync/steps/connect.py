"""The server's address and tokens as somebody gives them on a page: tried as `doctor` does, then kept; never shown again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from kobo_sync.config.config import Config, parse_config, parse_secrets
from kobo_sync.config.files import IN_KEYRING, MISSION_FILE, SECRETS_FILE
from kobo_sync.config.secret_lines import is_password, is_token, with_secrets
from kobo_sync.config.toml_values import with_values
from kobo_sync.desk.changes import record_change
from kobo_sync.errors import ConfigError, KoboError
from kobo_sync.form_server import Examined
from kobo_sync.mission.config_files import alone, current_file, rewrite
from kobo_sync.mission.hasty import hasty
from kobo_sync.mission.mission import Mission
from kobo_sync.steps.adopt import SeenProject, seen_projects
from kobo_sync.steps.changed_files import lists_of_config
from kobo_sync.steps.doctor import server
from kobo_sync.workspace.keyring import put_in_keyring
from kobo_sync.workspace.reading import read_text
from kobo_sync.workspace.writing import write_atomic

KOBO, CENTRAL = "kobotoolbox", "odk-central"
TOKENS, ACCOUNT = ("KOBO_TOKEN", "KOBO_DEPLOY_TOKEN"), ("CENTRAL_EMAIL", "CENTRAL_PASSWORD")
PROJECT = "server.project"
SERVER = "server"  # what `doctor` says first: whether the server knows the account
# Of each kind of server: the names of its secrets, and those without which another address is not kept.
_SECRETS = {KOBO: (TOKENS, TOKENS[:1]), CENTRAL: (ACCOUNT, ACCOUNT)}


@dataclass(frozen=True)
class Connection:
    """A server as somebody gives it: its *kind*, its *settings* by key, and *secrets* by name; one that is empty stays as it is kept."""

    kind: str
    settings: Mapping[str, str | int]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def given(self) -> dict[str, str]:
        """The secrets that were given."""
        return {name: value for name, value in self.secrets.items() if value}


def to_kobo(kf: str, kc: str, token: str = "", deploy_token: str = "") -> Connection:
    """KoboToolbox at its two addresses."""
    secrets = dict(zip(TOKENS, (token, deploy_token), strict=True))
    return Connection(KOBO, {"server.kf": kf, "server.kc": kc}, secrets)


def to_central(url: str, project: int, email: str = "", password: str = "") -> Connection:
    """A project of ODK Central, and a web user of it."""
    secrets = dict(zip(ACCOUNT, (email, password), strict=True))
    return Connection(CENTRAL, {"server.url": url, PROJECT: project}, secrets)


@dataclass(frozen=True)
class Trial:
    """What `doctor` says of a server; *projects* (number, name) that the account may choose from; *is_known*: it may be kept.

    The server knew the account, and the project where one is named: all else can be mended later.
    """

    examined: tuple[Examined, ...]
    projects: tuple[tuple[int, str], ...]
    is_known: bool


def try_connection(mission: Mission, connection: Connection) -> Trial:
    """What comes of asking that server with those secrets; nothing is kept. Raises: ConfigError for what may not be tried or kept."""
    config, environ = _as_kept(mission, connection)
    projects: list[tuple[int, str]] = []
    with hasty(mission, config, environ) as asking:
        try:
            examined = list(server(asking))
        except KoboError as error:
            examined = [Examined(SERVER, error.message, error.hint or "try again")]
        at_fault = {each.what for each in examined if each.cure and each.severe}
        if SERVER not in at_fault:
            with suppress(KoboError):
                projects = asking.reader().projects()
    is_known = not at_fault & {SERVER, f"project {connection.settings.get(PROJECT)}"}
    return Trial(tuple(examined), tuple(projects), is_known)


def keep_connection(mission: Mission, connection: Connection, by: str) -> None:
    """Write the addresses into the settings and the secrets into their file; all other lines stay.

    A secret is never written beside an address that it was not given for: where the address changes, those that are kept go first.
    Raises: ConfigError, StoreError; Busy.
    """
    with alone(mission):
        _as_kept(mission, connection)
        changed, places = _changed(mission, connection), _places_in_keyring(mission)
        if changed:
            now = current_file(mission, MISSION_FILE)
            if _is_elsewhere(changed):
                _write_secrets(mission, dict.fromkeys(connection.secrets, ""))
            rewrite(mission, now, now.edited(changed), by=by)
        if connection.given:
            for name in connection.given.keys() & places.keys():
                put_in_keyring(name, places[name], connection.given[name])
            _write_secrets(mission, {**connection.given, **{n: p for n, p in places.items() if n in connection.given}})
            sha256 = current_file(mission, MISSION_FILE).sha256
            record_change(
                mission.desk,
                MISSION_FILE,  # as it is: that a secret was given is noted, nothing of it is kept
                tuple(connection.given),
                by=by,
                now=mission.clock(),
                before_sha256=sha256,
                after_sha256=sha256,
            )


def projects_there(mission: Mission) -> list[SeenProject]:
    """The projects that the account sees now. Raises: KoboError, ConfigError."""
    with hasty(mission) as asking:
        return seen_projects(asking)


def _changed(mission: Mission, connection: Connection) -> dict[str, str | int]:
    now = mission.config.server
    return {key: new for key, new in connection.settings.items() if new != getattr(now, key.removeprefix("server."))}


def _is_elsewhere(changed: Collection[str]) -> bool:
    """Whether secrets that were given for the server as it is would go to another one."""
    return any(key != PROJECT for key in changed)


def _as_kept(mission: Mission, connection: Connection) -> tuple[Config, Mapping[str, str]]:
    """The settings and secrets as they would be. Raises: ConfigError."""
    names, needed = _SECRETS[connection.kind]
    for name, secret in connection.given.items():
        _refuse_odd(name, secret)
        if mission.environ.get(name):
            hint = f"change {name} where this program is started, or take it out there"
            raise ConfigError(
                "it stands in the program's environment, which wins over this file",
                file=SECRETS_FILE,
                key=name,
                hint=hint,
            )
    changed = _changed(mission, connection)
    is_elsewhere = _is_elsewhere(changed)
    if is_elsewhere:
        _refuse_kept_secrets(mission, connection, needed, next(iter(changed)))
    text = with_values(read_text(mission.workspace.root / MISSION_FILE, MISSION_FILE), changed)
    kept = mission.workspace.secrets()
    secrets = {name: value for name, value in kept.items() if not (is_elsewhere and name in names)}
    environ = {**mission.environ, **connection.given}
    return parse_config(text, lists_of_config(mission), {**secrets, **environ}), environ


def _refuse_odd(name: str, secret: str) -> None:
    """Raises: ConfigError for what cannot be that secret, or cannot stand in the file."""
    if name in TOKENS and not is_token(secret):
        hint = "copy it from the server once more (Account → Security → API key)"
        message = "this is no token: it has spaces or signs that none has"
        raise ConfigError(message, file=SECRETS_FILE, key=name, hint=hint)
    if name in ACCOUNT and not is_password(secret):
        hint = "type it once more; a password with such signs is changed on the server first"
        message = "this cannot be kept: it begins or ends with a space or a quote, or is longer than a line"
        raise ConfigError(message, file=SECRETS_FILE, key=name, hint=hint)


def _refuse_kept_secrets(mission: Mission, connection: Connection, needed: tuple[str, ...], key: str) -> None:
    """Raises: ConfigError unless all *needed* secrets were given for the other address, which stands at *key*."""
    fixed = [name for name in connection.secrets if mission.environ.get(name)]
    if fixed:
        hint = f"change {fixed[0]} where this program is started, and the address in {MISSION_FILE}"
    elif not all(connection.secrets.get(name) for name in needed):
        is_account = needed == ACCOUNT
        hint = (
            "write the e-mail address and the password of that server too"
            if is_account
            else "write the token of that server too"
        )
    else:
        return
    message = "the secret that is kept goes to no other address"
    raise ConfigError(message, file=MISSION_FILE, key=key, hint=hint)


def _places_in_keyring(mission: Mission) -> dict[str, str]:
    """The secrets that lie in the system's keyring, by name: what is typed anew goes there too. Raises: ConfigError."""
    lines = parse_secrets(mission.workspace.optional_text(SECRETS_FILE))
    return {name: value for name, value in lines.items() if value.startswith(IN_KEYRING)}


def _write_secrets(mission: Mission, values: Mapping[str, str]) -> None:
    text = mission.workspace.optional_text(SECRETS_FILE)
    changed = with_secrets(text, values)
    if changed.strip() != text.strip():
        write_atomic(mission.workspace.root / SECRETS_FILE, changed.encode(), private=True)
