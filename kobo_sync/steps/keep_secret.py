"""A secret brought into the keyring of the operating system; config/secrets.env says from then on where it lies."""

from __future__ import annotations

from kobo_sync.config.files import IN_KEYRING, SECRET_NAMES, SECRETS_FILE
from kobo_sync.config.secret_lines import with_secrets
from kobo_sync.errors import ConfigError
from kobo_sync.mission.mission import Mission
from kobo_sync.workspace.keyring import put_in_keyring
from kobo_sync.workspace.writing import write_atomic


def keep_in_keyring(mission: Mission, name: str, secret: str) -> str:
    """Put *secret* into the keyring, then its place into the file of secrets; returns the place. Raises: ConfigError, StoreError."""
    if name not in SECRET_NAMES:
        names = ", ".join(SECRET_NAMES)
        raise ConfigError("unknown secret", file=SECRETS_FILE, key=name, hint=f"the names are {names}")
    if not secret.strip():
        raise ConfigError("it is empty", file=SECRETS_FILE, key=name, hint="write the secret, in one line")
    owner = mission.config.mission
    place = f"{IN_KEYRING}kobo-sync/{owner.id or owner.code}-{name}"
    put_in_keyring(name, place, secret.strip())
    text = with_secrets(mission.workspace.optional_text(SECRETS_FILE), {name: place})
    write_atomic(mission.workspace.root / SECRETS_FILE, text.encode(), private=True)
    return place
