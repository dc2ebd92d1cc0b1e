"""KoboToolbox's REST services that wake our pulls: one per form, made and mended by `deploy`."""

from __future__ import annotations

from collections.abc import Mapping

from kobo_sync.config.doors import is_plain
from kobo_sync.errors import KoboRefused, KoboRejected
from kobo_sync.form_server import FormServer
from kobo_sync.mission.mission import Mission
from kobo_sync.model import Finding


def put_hooks(
    mission: Mission, client: FormServer, assets: Mapping[str, str], *, dry_run: bool
) -> tuple[list[str], list[Finding]]:
    """Bring the hook of each form (form_id → asset uid) to this service's address; nothing without one and a secret.

    Returns: lines for people, and a finding for each form whose hook the server does not take: pulls by the clock
    go on without it. Raises: KoboUnreachable, KoboUnexpected.
    """
    secret, url = mission.config.secret("HOOK_SECRET"), mission.config.service.public_url
    lines: list[str] = []
    findings: list[Finding] = []
    if not client.features.has_hooks:
        told = f"{client.features.name} calls nobody when submissions come: pulls go by the clock"
        return [told] if secret and url else [], []
    if secret and is_plain(url) and not mission.config.server.plain_http:
        message = "no hook is made: its secret would go over plain http"
        cure = "set service.public_url to an https:// address; pulls by the clock go on without hooks"
        return [], [Finding("DEPLOY003", "warning", "service.public_url", message, cure)]
    for form_id, uid in assets.items() if secret and url else ():
        endpoint = f"{url}/hook/{secret}/{form_id}"
        try:
            ours = [hook for hook in client.hooks(uid) if hook.is_ours]
            if any(hook.endpoint == endpoint and hook.is_active for hook in ours):
                continue
            if not dry_run:
                client.put_hook(uid, endpoint, ours[0].hook_uid if ours else "")
            lines.append(f"{form_id}: hook {'mended' if ours else 'made'}{' (dry run)' if dry_run else ''}")
        except (KoboRejected, KoboRefused) as error:
            findings.append(
                Finding(
                    "DEPLOY003",
                    "warning",
                    form_id,
                    f"the server does not take the hook ({error.status})",
                    "give the account change_asset, and check service.public_url; pulls by the clock go on without it",
                    form_id=form_id,
                )
            )
    return lines, findings
