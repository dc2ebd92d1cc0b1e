"""Is everything in place? One line per thing that a run needs, each with its cure."""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from kobo_sync.checks import checks_of
from kobo_sync.checks.mapping import unknown_questions
from kobo_sync.config.config import Config
from kobo_sync.config.doors import is_plain, open_doors
from kobo_sync.config.files import MISSION_FILE, ZONES_FILE
from kobo_sync.config.zone_prefixes import shared_prefixes
from kobo_sync.deliverables import deliverable, is_ours
from kobo_sync.documents.pdf.typeset import families
from kobo_sync.engine.pieces import AFTER_OTHERS
from kobo_sync.engine.tables import engine_url, look
from kobo_sync.errors import ConfigError, FormError, KoboError, KoboRefused, KoboRejected, KoboSyncError
from kobo_sync.form_server import Examined, FormServer
from kobo_sync.forms.classes import SERVER_LINE
from kobo_sync.mission.mission import Mission
from kobo_sync.mission.own_modules import let_import_own_modules, own_deliverables
from kobo_sync.model import Finding, Report
from kobo_sync.steps.databases import databases, mirror_is_current
from kobo_sync.steps.deploy_plan import OTHERS, REFUSALS
from kobo_sync.steps.engine_status import engine_state
from kobo_sync.steps.lint import class_lines
from kobo_sync.steps.phones import goes_by_zone, of_no_zone, without_zone
from kobo_sync.steps.projects import Projects, is_copy, is_of
from kobo_sync.steps.relay import ledger, summary, sums
from kobo_sync.store.attachments import received_files
from kobo_sync.store.database import Deployment
from kobo_sync.workspace.attachment_files import away, is_away
from kobo_sync.workspace.disk_encryption import is_encrypted
from kobo_sync.workspace.encryption import recipients_of

FREE_BYTES = 1_000_000_000
CLOCK_S = 120
LONG_LAG = timedelta(minutes=15)  # of a piece that is due
OVERDUE = timedelta(days=2)  # of what waits at the station
FONTS = {
    "Latin": ("Carlito", "Calibri", "DejaVu Sans"),
    "Arabic": ("Amiri", "Noto Naskh Arabic", "Noto Sans Arabic", "Sakkal Majalla", "Arial"),
    "Tifinagh": ("Noto Sans Tifinagh", "Ebrima"),
}
NEEDED_RIGHTS = ("view_submissions", "change_asset")


def doctor(mission: Mission) -> Report:
    """What a run needs, looked at one by one; nothing is changed, no database made or brought up. Raises: nothing but a broken program."""
    started_at = mission.clock()
    examined: list[tuple[int, Examined]] = []
    faults = set[str]()
    for code, (what, examine) in enumerate(EXAMINED.items(), 1):
        try:
            for item in examine(mission):
                examined.append((code, item))
        except KoboSyncError as error:
            if error.message not in faults:  # what stands in the way of all is told once
                examined.append((code, Examined(what, error.message, error.hint or "mend it")))
            faults.add(error.message)
    lines = [
        f"{'✗' if item.cure and item.severe else '!' if item.cure else '✓'} {item.what}: {item.verdict}"
        for _, item in examined
    ]
    findings = [
        Finding(f"DOCTOR{code:03}", "error" if item.severe else "warning", item.what, item.verdict, item.cure)
        for code, item in examined
        if item.cure
    ]
    return mission.report(
        "doctor",
        started_at,
        {"well": sum(not item.cure for _, item in examined), "ill": len(findings)},
        findings,
        lines,
    )


def _station(mission: Mission) -> Iterator[Examined]:
    """Whether the field station serves what the server has deployed; nothing is said where none is paired."""
    from kobo_sync.steps.pair import pair_states, paired_forms

    paired = paired_forms(mission)
    if not paired:
        return
    try:
        stale = [state for state in pair_states(mission.reader(), paired, mission.server_id) if state.reason]
    except KoboError as error:
        yield Examined("pairing", f"{len(paired)} forms paired; the server cannot be asked: {error.message}")
        return
    if not stale:
        yield Examined("pairing", f"{len(paired)} forms paired, as the server has them")
    for state in stale:
        cure = "run kobo-sync station pair before the next training day: what was collected stays"
        if not state.is_offered:
            cure = "have the owner activate it, and share it with this account: until then the relay is refused"
        yield Examined("pairing", f"{state.pairing.form_id}: {state.reason}", cure, severe=False)


def _config(mission: Mission) -> Iterator[Examined]:
    config = mission.config
    expected = sum(zone.target for zone in config.zones)
    n_zones, n_forms = len(config.zones), len(config.forms)
    verdict = f"{n_zones} zones, {n_forms} forms"
    yield Examined("config", f"{n_zones} zones, {n_forms} forms, {expected} persons expected" if expected else verdict)
    yield from _papers_of_no_role(config)
    yield from _own_modules(mission)
    if twice := shared_prefixes((zone.code, zone.extra) for zone in config.zones):
        verdict = f"zones without a prefix of their own ({', '.join(sorted(filter(None, twice))) or 'empty'}): their participants get the same codes"
        yield Examined(f"{ZONES_FILE}, prefix", verdict, "give each zone its own letters there, then deploy")
    if not config.mission.id:
        cure = f'write id = "{secrets.token_hex(4)}" under [mission], the same on every machine of this mission'
        verdict = "the mission has no id: another with its code on the same account would be taken for it"
        yield Examined("mission.id", verdict, cure, severe=False)
    if config.engine.per_server is not None:
        verdict = f"an older name of server.at_once, which is {config.at_once}"
        yield Examined("engine.per_server", verdict, f"write at_once = {config.at_once} under [server]", severe=False)


def _own_modules(mission: Mission) -> Iterator[Examined]:
    """Checks and deliverables of the mission's own, or of installed packages, that cannot be had: every check, or build, would end there."""
    let_import_own_modules(mission)
    settings = mission.config.checks
    trials: list[tuple[str, Callable[[], object]]] = [
        *(("checks.extra", partial(checks_of, [name])) for name in settings.extra),
        ("checks.off", partial(checks_of, settings.extra, settings.off)),
        *(("deliverables", partial(deliverable, name)) for name in own_deliverables(mission)),
    ]
    told = set()
    for what, trial in trials:
        try:
            trial()
        except ConfigError as error:
            if error.message not in told:
                told.add(error.message)
                yield Examined(f"{MISSION_FILE}, {what}", error.message, error.hint)


def _papers_of_no_role(config: Config) -> Iterator[Examined]:
    """Deliverables that the config names and that will not be made: the mission has no form that they tell of."""
    for key, names in (("zone", config.deliverables.zone), ("mission", config.deliverables.mission)):
        for name in filter(is_ours, names):
            roles = deliverable(name).roles
            if roles and not config.has_role(*roles):
                verdict = f"{name} will not be made: no form has the role {' or '.join(roles)}"
                cure = f"take {name} out, or write that role under the form ([forms]) that collects it"
                yield Examined(f"{MISSION_FILE}, deliverables.{key}", verdict, cure, severe=False)


def _forms(mission: Mission) -> Iterator[Examined]:
    for form_id in mission.config.forms:
        try:
            form = mission.form(form_id)
        except (FormError, ConfigError) as error:
            yield Examined(
                f"form {form_id}", error.message, error.hint or "run `kobo-sync lint`, and mend what it names"
            )
            continue
        for name in form.media:
            if not (mission.config.roster and name == mission.config.roster.file):
                mission.workspace.media_bytes(name, mission.config)
        yield Examined(
            f"form {form_id}", f"{len(form.questions)} rows, languages {', '.join(form.languages) or 'none named'}"
        )
        for key, question in unknown_questions(form, mission.config.forms[form_id]):
            yield Examined(
                f"{MISSION_FILE}, forms.{form_id}.{key}",
                f"{question!r} is no question of the form",
                "correct the name, or remove the key",
            )


def _java(_mission: Mission) -> Iterator[Examined]:
    java = shutil.which("java")
    if not java:
        yield Examined("Java", "not found: forms cannot be validated", "install it: apt install default-jre-headless")
        return
    version = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False).stderr
    yield Examined("Java", version.splitlines()[0] if version else java)


def _fonts(_mission: Mission) -> Iterator[Examined]:
    here = families()
    for script, names in FONTS.items():
        font = next((name for name in names if name in here), "")
        yield Examined(
            f"{script} font",
            font or "none found",
            "" if font else f"install one of: {', '.join(names)} (apt install fonts-noto-core)",
            severe=False,
        )


def _disk(mission: Mission) -> Iterator[Examined]:
    existing = next(path for path in (mission.workspace.state, *mission.workspace.state.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    cure = "" if free > FREE_BYTES else "free some space: photos and documents need about 1 GB"
    yield Examined("disk", f"{free / 1e9:.1f} GB free in {_short(existing)}", cure, severe=False)


def _files(mission: Mission) -> Iterator[Examined]:
    """Whether attached files lie where the config says; nothing is said of this machine's own folder. Raises: StoreError."""
    if not mission.config.files.url:
        return
    is_there = mirror_is_current(mission.workspace, mission.shared_databases)
    if is_away(mission.files, lambda: received_files(mission.store) if is_there else ()):
        raise away(mission.files.name)
    yield Examined("files", mission.files.name)


def _short(path: Path) -> str:
    return path.name or str(path)


def _timezone(mission: Mission) -> Iterator[Examined]:
    """Morocco stays on UTC+00 since 20 September 2026; older rules are an hour off."""
    offset = datetime(2026, 12, 1, tzinfo=ZoneInfo("Africa/Casablanca")).utcoffset()
    cure = "" if offset is not None and not offset else "update tzdata: pip install 'tzdata>=2026.3'"
    yield Examined(
        "time zone rules", f"{mission.config.mission.timezone}, {'up to date' if not cure else 'out of date'}", cure
    )


def _doors(mission: Mission) -> Iterator[Examined]:
    """Secrets that would go over the network for all to read, because the config lets them: said each time."""
    for door in open_doors(mission.config):
        yield Examined(door.key, f"{door.message} (allowed in {MISSION_FILE})", door.cure, severe=False)
    public_url = mission.config.service.public_url
    if is_plain(public_url):
        message = "people's passwords, and the hook's secret, go over plain http"
        yield Examined(
            "service.public_url", message, "put a proxy with a certificate in front: https://…", severe=False
        )


def server(mission: Mission) -> Iterator[Examined]:
    """Whether the server knows the token, whose clock is right, and what the account may do with each form's project. Raises: ConfigError, KoboError."""
    client = mission.reader()
    try:
        username = client.me()
    except KoboError as error:
        yield Examined("server", error.message, error.hint or "check the server's address in config/mission.toml")
        return
    said = (
        f"{mission.kf} knows the account {username}"
        if client.features.signs_in
        else f"{mission.kf} knows the token as {username}"
    )
    yield Examined("server", said)
    yield from _clock(client.server_time(), mission.clock)
    looked_at = list(client.examine())
    yield from looked_at
    if any(item.cure and item.severe for item in looked_at):
        return  # of such a server nothing can be said form by form
    projects = Projects(mission, client, _remembered(mission))
    for form_id in mission.config.forms:
        yield _project(mission, client, projects, form_id, username)
    yield from _phones(mission, client)


def _phones(mission: Mission, client: FormServer) -> Iterator[Examined]:
    """Phones that would show an empty list, where the list goes by zone; nothing is said where it does not."""
    if not (client.features.knows_phones and goes_by_zone(mission)):
        return
    try:
        there = client.phones()
    except KoboError as error:
        yield Examined("phones", f"they cannot be listed ({error.status or error.message})", error.hint, severe=False)
        return
    for finding in of_no_zone(mission, there):
        yield Examined("phones", finding.message, finding.hint, severe=False)
    if there and not without_zone(mission, there):
        yield Examined("phones", f"{len(there)} phones, each with its zone")


def _project(mission: Mission, client: FormServer, projects: Projects, form_id: str, username: str) -> Examined:
    """One form's project: whether the account sees it and has its rights, and whose it is."""
    what = f"project {form_id}"
    try:
        uid = projects.uid(form_id)
        if not uid:
            verdict = projects.absence(form_id).removeprefix(f"{form_id}: ")
            cure = "deploy it" if client.features.forms_have_own_ids else "deploy it, or have its owner share it"
            return Examined(what, verdict, cure, severe=False)
        asset, _ = client.asset(uid)
    except (KoboRefused, KoboRejected) as error:
        if client.features.forms_have_own_ids:
            return Examined(what, f"this account cannot see it ({error.status})", error.hint or "run doctor again")
        share = f"let the owner share it with {username} (view submissions, change project)"
        return Examined(
            what, f"this account cannot see it ({error.status})", f"{share}; if it was deleted, deploy it again"
        )
    except (ConfigError, KoboError) as error:
        return Examined(what, error.message, error.hint or "run doctor again")
    if asset.fingerprint and not is_of(asset, mission) and not is_copy(asset):
        whose = " ".join(filter(None, (asset.fingerprint.get("mission"), asset.fingerprint.get("workspace"))))
        cure = REFUSALS[OTHERS]
        if is_adopted := form_id in mission.adopted:
            cure = f"pulling from it goes on; for a project of this mission's own take {form_id} out of [server.assets], then deploy"
        return Examined(what, f"another workspace deployed it: {whose}", cure, severe=not is_adopted)
    if client.features.forms_have_own_ids:
        return Examined(what, "it is there")  # its rights are the project's, told above
    lacking = [right for right in NEEDED_RIGHTS if asset.permissions and right not in asset.permissions]
    cure = f"let the project's owner give {username} the right {', '.join(lacking)}" if lacking else ""
    return Examined(what, "rights are complete" if not lacking else f"lacks {', '.join(lacking)}", cure)


def _remembered(mission: Mission) -> dict[str, Deployment]:
    """What the mirror remembers of deployments, if that can be read without making or bringing up a file."""
    return mission.store.deployments() if mirror_is_current(mission.workspace, mission.shared_databases) else {}


def _databases(mission: Mission) -> Iterator[Examined]:
    for database in databases(mission.workspace, mission.shared_databases):
        yield Examined(database.name, database.text, database.cure)


def _relay(mission: Mission) -> Iterator[Examined]:
    """What the field station has that KoboToolbox has not; nothing is said where no station has served."""
    totals = ledger(mission.workspace)
    if not totals:
        return
    waiting = min((total.waiting_since for total in totals if total.waiting_since), default=None)
    verdict = summary(totals) + (f"; waiting since {mission.local(waiting)}" if waiting else "")
    n_refused = sums(totals)["refused"]
    cure = "run kobo-sync relay: it says why each was refused, and what to do" if n_refused else ""
    if not n_refused and waiting and mission.clock() - waiting > OVERDUE:
        cure = "run kobo-sync relay where there is the Internet"
    yield Examined("relay", verdict, cure, severe=False)


def _queue(mission: Mission) -> Iterator[Examined]:
    """Whether the workers' queue can be used, and is worked on; nothing is said where there is no engine."""
    url = engine_url(mission.config)
    if not url:
        return
    tables = look(url)
    if tables != "current":
        cure = "start `kobo-sync worker` or the service: they make them as they must be"
        verdict = "its tables are missing" if tables == "missing" else "its tables are of an older version"
        yield Examined("queue", verdict, cure, severe=False)
        return
    state = engine_state(mission)
    if state is None:
        return
    cure = "" if state.n_alive else "start `kobo-sync worker`: nothing is done until one runs"
    yield Examined("workers", f"{state.n_alive} alive", cure)
    lag, failed = timedelta(seconds=state.lag_s), state.n_failed
    verdict = f"{state.n_waiting} waiting, {state.n_running} running, the oldest that is due since {state.lag_s:.0f} s"
    cure = "add a worker, or look at the log of those that run" if lag > LONG_LAG else ""
    yield Examined("queue", verdict, cure, severe=False)
    if failed:
        yield Examined(
            "queue", f"{failed} failed within a day", "look at the page Synchronisations: it says why", False
        )
    if state.n_deadly:
        cure = "look at the workers' logs, and at the memory of their machines"
        yield Examined("queue", f"with {state.n_deadly} that wait {AFTER_OTHERS} workers or more died", cure, False)


def _at_rest(mission: Mission) -> Iterator[Examined]:
    """Whether what is stored can be read by whoever takes the disk, a backup or a nominative zip. Raises: ConfigError."""
    is_sealed = is_encrypted(mission.workspace.root)
    if is_sealed is None:
        yield Examined("encryption of the disk", "this system cannot tell")
    elif is_sealed:
        yield Examined("encryption of the disk", "the mission's folder lies on an encrypted disk")
    else:
        cure = "encrypt it (LUKS, FileVault, BitLocker), or keep the mission on one that is: names and signatures lie there"
        verdict = "the mission's folder lies on a disk that is not encrypted, as far as this system shows"
        yield Examined("encryption of the disk", verdict, cure, severe=False)
    settings = mission.config.encryption
    if settings.recipients:
        n = len(recipients_of(settings.recipients))
        yield Examined("encryption", f"recipients of what is encrypted: {n}")


def _classes(mission: Mission) -> Iterator[Examined]:
    """What each question tells of persons; ``?`` marks what was guessed. Raises: ConfigError for a name that does not exist."""
    for form_id, lines in class_lines(mission).items():
        for line in lines:
            yield Examined(f"classes of {form_id}", line.removeprefix(f"{form_id}, "))
    yield Examined("classes", SERVER_LINE)


def _clock(server_time: datetime | None, clock: Callable[[], datetime]) -> Iterator[Examined]:
    if server_time is None:
        return
    off = abs((clock().astimezone(UTC) - server_time).total_seconds())
    cure = "" if off < CLOCK_S else "set this machine's clock (timedatectl set-ntp true)"
    yield Examined("clock", f"{off:.0f} s from the server's", cure, severe=False)


EXAMINED: dict[str, Callable[[Mission], Iterator[Examined]]] = {  # in the order of their codes, DOCTOR001 first
    "config": _config,
    "forms": _forms,
    "Java": _java,
    "fonts": _fonts,
    "disk": _disk,
    "timezone": _timezone,
    "server": server,
    "databases": _databases,
    "classes": _classes,
    "doors": _doors,
    "pairing": _station,
    "relay": _relay,
    "files": _files,
    "queue": _queue,
    "encryption": _at_rest,
}
