"""The server's address and tokens as somebody gives them on a page: tried as `doctor` does, then kept; never shown again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kobo_sync.config.config import Config, parse_config
from kobo_sync.config.files import MISSION_FILE, SECRETS_FILE
from kobo_sync.config.secret_lines import is_token, with_secrets
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
from kobo_sync.workspace.reading import read_text
from kobo_sync.workspace.writing import write_atomic

KINDS = ("kobotoolbox",)
TOKENS = ("KOBO_TOKEN", "KOBO_DEPLOY_TOKEN")


@dataclass(frozen=True)
class Connection:
    """A server as somebody gives it: *kind* of `KINDS`, its two addresses, and tokens; one that is empty stays as it is kept."""

    kind: str
    kf: str
    kc: str
    token: str = field(default="", repr=False)
    deploy_token: str = field(default="", repr=False)

    @property
    def tokens(self) -> dict[str, str]:
        """What was given, by the secret's name."""
        return {name: value for name, value in zip(TOKENS, (self.token, self.deploy_token), strict=True) if value}


def try_connection(mission: Mission, connection: Connection) -> list[Examined]:
    """What `doctor` says of that server and token; nothing is kept. Raises: ConfigError for what may not be tried or kept."""
    config, environ = _as_kept(mission, connection)
    with hasty(mission, config, environ) as asking:
        try:
            return list(server(asking))
        except KoboError as error:
            return [Examined("server", error.message, error.hint or "try again")]


def try_kept(mission: Mission) -> list[Examined]:
    """What `doctor` says of the server as it is set."""
    try:
        with hasty(mission) as asking:
            return list(server(asking))
    except (KoboError, ConfigError) as error:
        return [Examined("server", error.message, error.hint or "try again")]


def is_known(examined: list[Examined]) -> bool:
    """Whether the server knew the token: all else that was found can be mended later."""
    return bool(examined) and not (examined[0].what == "server" and examined[0].cure)


def keep_connection(mission: Mission, connection: Connection, by: str) -> None:
    """Write the addresses into the settings and the tokens into the file of secrets; all other lines stay.

    A token is never written beside an address that it was not given for: where the address changes, those that are kept go first.
    Raises: ConfigError, StoreError; Busy.
    """
    with alone(mission):
        _as_kept(mission, connection)
        changed = _changed(mission, connection)
        if changed:
            now = current_file(mission, MISSION_FILE)
            _put_secrets(mission, dict.fromkeys(TOKENS, ""))
            rewrite(mission, now, now.edited(changed), by=by)
        if connection.tokens:
            _put_secrets(mission, connection.tokens)
            sha256 = current_file(mission, MISSION_FILE).sha256
            record_change(
                mission.desk,
                MISSION_FILE,  # as it is: that a token was given is noted, nothing of it is kept
                tuple(connection.tokens),
                by=by,
                now=mission.clock(),
                before_sha256=sha256,
                after_sha256=sha256,
            )


def projects_there(mission: Mission) -> list[SeenProject]:
    """The projects that the account sees now. Raises: KoboError, ConfigError."""
    with hasty(mission) as asking:
        return seen_projects(asking)


def _changed(mission: Mission, connection: Connection) -> dict[str, str]:
    now = mission.config.server
    pairs = (("server.kf", now.kf, connection.kf), ("server.kc", now.kc, connection.kc))
    return {key: new for key, old, new in pairs if new != old}


def _as_kept(mission: Mission, connection: Connection) -> tuple[Config, Mapping[str, str]]:
    """The settings and secrets as they would be. Raises: ConfigError."""
    for name, token in connection.tokens.items():
        if not is_token(token):
            hint = "copy it from the server once more (Account → Security → API key)"
            raise ConfigError(
                "this is no token: it has spaces or signs that none has", file=SECRETS_FILE, key=name, hint=hint
            )
        if mission.environ.get(name):
            hint = f"change {name} where this program is started, or take it out there"
            raise ConfigError(
                "it stands in the program's environment, which wins over this file",
                file=SECRETS_FILE,
                key=name,
                hint=hint,
            )
    changed = _changed(mission, connection)
    kept = [name for name in TOKENS if mission.environ.get(name)]
    if changed and (kept or not connection.token):
        hint = (
            f"change {kept[0]} where this program is started, and the address in {MISSION_FILE}"
            if kept
            else "write the token of that server too"
        )
        raise ConfigError(
            "the token that is kept goes to no other address", file=MISSION_FILE, key=next(iter(changed)), hint=hint
        )
    text = with_values(read_text(mission.workspace.root / MISSION_FILE, MISSION_FILE), changed)
    secrets = {name: value for name, value in mission.workspace.secrets().items() if not (changed and name in TOKENS)}
    environ = {**mission.environ, **connection.tokens}
    return parse_config(text, lists_of_config(mission), {**secrets, **environ}), environ


def _put_secrets(mission: Mission, values: Mapping[str, str]) -> None:
    text = mission.workspace.optional_text(SECRETS_FILE)
    changed = with_secrets(text, values)
    if changed.strip() != text.strip():
        write_atomic(mission.workspace.root / SECRETS_FILE, changed.encode(), private=True)
