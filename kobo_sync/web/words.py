"""Codes of the desk as people say them."""

from __future__ import annotations

import re

from kobo_sync.config.timetable import INTERVAL
from kobo_sync.language import typography
from kobo_sync.language.catalogue import later, later_n, t, tn
from kobo_sync.language.sentences import general_key

STATUSES = {
    "running": later("running"),
    "done": later("succeeded"),
    "findings": later("succeeded, with findings"),
    "failed": later("failed"),
    "stopped": later("stopped early"),
    "lost": later("cut short"),
    "missed": later("missed"),
    "queued": later("handed to the workers"),
}
ORIGINS = {
    "command": later("command"),
    "schedule": later("schedule"),
    "catch_up": later("catching up"),
    "person": later("on request"),
    "hook": later("arrival on the server"),
}
STAGES = {  # kinds of pieces in the workers' queue
    "pull": later("Pull of a project"),
    "reconcile": later("Recount of a project"),
    "follow": later("What follows a pull"),
    "review": later("Search for faults"),
    "plan": later("Choice of the zones to make anew"),
    "zone": later("Documents of a zone"),
    "set": later("Documents of the mission"),
}
# What a run counts: one of them, many of them.
COUNTS = {
    "new": later_n("{n} new submission", "{n} new submissions"),
    "edited": later_n("{n} edited", "{n} edited"),
    "validated": later_n("{n} status changed", "{n} statuses changed"),
    "restored": later_n("{n} restored", "{n} restored"),
    "deleted": later_n("{n} deleted", "{n} deleted"),
    "files_stored": later_n("{n} file received", "{n} files received"),
    "files_missing": later_n("{n} missing file", "{n} missing files"),
    "sent": later_n("{n} submission relayed", "{n} submissions relayed"),
    "files": later_n("{n} document", "{n} documents"),
    "zips": later_n("{n} archive", "{n} archives"),
    "participants": later_n("{n} participant on the phones’ list", "{n} participants on the phones’ list"),
    "check.new": later_n("{n} new finding", "{n} new findings"),
    "check.closed": later_n("{n} finding closed", "{n} findings closed"),
    "check.reopened": later_n("{n} finding reopened", "{n} findings reopened"),
    "check.open": later_n("{n} finding to deal with", "{n} findings to deal with"),
    "check.held": later_n("{n} submission put on hold", "{n} submissions put on hold"),
    "well": later_n("{n} point in order", "{n} points in order"),
    "ill": later_n("{n} point to mend", "{n} points to mend"),
}
PURPOSES = {  # what each job of the clock does
    "run": later("All jobs in a row: pull, search for faults, make the documents, prepare the archives."),
    "relay": later("Sends to the server what the field station has received, as soon as there is a network."),
    "pull": later("Fetches what is new or changed on the server, files included."),
    "reconcile": later(
        "Reads all of the server’s answers again: finds those that were deleted there, and proves that nothing is missing here."
    ),
    "check": later("Compares the answers with each other and fills the list on the page Quality."),
    "build": later("Makes the Word, Excel and PDF documents of each zone and of the mission."),
    "deliver": later("Puts the documents into archives that are ready to send, with their inventory."),
    "digest": later("Sends the team a summary of the week."),
    "purge": later("Erases here what names persons once the time to keep it has passed."),
    "backup": later("Copies the databases into the folder of backups."),
    "doctor": later("Checks the installation, the settings and the server."),
}
ROLES = {
    "administrator": later("administrator"),
    "staff": later("staff"),
    "consultant": later("consultant"),
    "reader": later("read only"),
}
CLASSES = {
    "nominative": later("with names"),
    "aggregate": later("aggregate"),
    "pseudonymised": later("pseudonymised"),
    "public": later("public"),
    "internal": later("internal"),
}
LANGUAGES = {"fr": later("French"), "ar": later("Arabic"), "zgh": later("Tamazight"), "en": later("English")}
# Settings that choose among codes, by their key (``*``: a name that the mission gives).
CHOICES: dict[str, dict[str, str]] = {
    "server.kind": {"kobotoolbox": later("KoboToolbox"), "odk-central": later("ODK Central")},
    "forms.*.role": {
        "registration": later("registration"),
        "attendance": later("attendance"),
        "test": later("test"),
        "satisfaction": later("satisfaction"),
        "needs": later("needs"),
        "focus_group": later("focus group"),
        "road_map": later("road map"),
        "other": later("other"),
    },
    "service.log_format": {"plain": later("plain text"), "json": "JSON"},
    "notices.smtp.security": {"starttls": "STARTTLS", "tls": "TLS", "none": later("no encryption")},
    "report.objectives.*.evidence": {
        "attendance": later("attendance"),
        "test": later("test"),
        "satisfaction": later("satisfaction"),
        "needs": later("needs"),
        "dialogue": later("dialogue"),
        "focus_groups": later("focus groups"),
        "road_map": later("road map"),
        "smart": later("SMART actions"),
    },
    "checks.exclude": {"not_approved": later("not approved"), "on_hold": later("on hold")},
    "privacy.classes.*": {
        "nominative": later("with names"),
        "sensitive": later("sensitive"),
        "free text": later("free text"),
        "ordinary": later("ordinary"),
    },
    "mission.documents": {"fr": later("French"), "en": later("English"), "ar": later("Arabic")},
    "mission.digits": {"latin": "0 1 2 3", "arabic": "٠ ١ ٢ ٣"},
    "mission.languages": LANGUAGES,
    "forms.*.presence_by": {
        "signature": later("a signature"),
        "answer": later("an answer"),
        "row": later("the submission itself"),
    },
    "zone_sheet.questions.*.shown_as": {
        "number": later("a number"),
        "share": later("a share"),
        "bars": later("bars"),
    },
}
FORM_STATES = {
    "same": later("up to date"),
    "changed": later("changed since it was deployed"),
    "unfinished": later("deployment not finished"),
    "adopted": later("taken from the server"),
    "never": later("never deployed"),
}
PROJECT_STATES = {
    "deployed": later("deployed"),
    "archived": later("archived"),
    "draft": later("not deployed yet"),
}
DESPITE = {  # what comes of overriding a refusal of `deploy`
    "DEPLOY001": later("What was changed on the server since then is replaced by the form that lies here."),
    "DEPLOY005": later("The form was archived on the server: phones get it again."),
    "DEPLOY006": later("The answers that are counted here lose their question or their choice."),
    "DEPLOY007": later("If the project was deleted on the server, it is made again, empty."),
    "DEPLOY008": later("Another workspace deployed this project: its form is replaced by the one that lies here."),
    "DEPLOY009": later("A second project may be made beside the one that this account cannot change."),
    "DEPLOY011": later("People are taken off the list that phones show."),
    "DEPLOY012": later("The form goes to another project than the one that the submissions here came from."),
    "DEPLOY014": later("The draft that somebody has on the server and did not publish is replaced."),
}
SEVERITIES = {"error": later("error"), "warning": later("to be checked"), "info": later("information")}
SHARES = ("pull.max_gone_share", "notices.endangered_below")  # settings that are parts of a whole
UNITS = {
    "s": later_n("every second", "every {n} seconds"),
    "min": later_n("every minute", "every {n} minutes"),
    "h": later_n("every hour", "every {n} hours"),
    "d": later_n("each day", "every {n} days"),
}
WITHIN = later_n("every minute from {first}:00 to {last}:00", "every {n} minutes from {first}:00 to {last}:00")
DAYS = (
    later("Sunday"),
    later("Monday"),
    later("Tuesday"),
    later("Wednesday"),
    later("Thursday"),
    later("Friday"),
    later("Saturday"),
    later("Sunday"),
)
_DAY, _HOUR = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d\d:\d\d:00")
_DAILY = re.compile(r"(\d{1,2}) ([\d,]+) \* \* (\*|[0-7])")
_WITHIN = re.compile(r"\*/(\d{1,2}) (\d{1,2})-(\d{1,2}) \* \* \*")


def setting_in_words(key: str, value: bool | float | str) -> str:
    """A setting's value as people say it: yes and no, codes, schedules, days, hours, parts of a whole; others as they are."""
    general = general_key(key)
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    if isinstance(value, int | float):
        if general in SHARES:
            return typography.percent(value)
        return str(int(value)) if value == int(value) else typography.number(value, 2)  # a port has no thousands
    if value in CHOICES.get(general, ()):
        return t(CHOICES[general][value])
    if general.startswith("schedule."):
        return in_words(value)
    if _DAY.fullmatch(value):
        return f"{value[8:]}/{value[5:7]}/{value[:4]}"
    return value[:5] if _HOUR.fullmatch(value) else value


def in_words(expression: str) -> str:
    """A schedule as people say it; what has no plain words stays as it is written."""
    interval, daily = INTERVAL.fullmatch(expression), _DAILY.fullmatch(expression)
    within = _WITHIN.fullmatch(expression)
    if interval:
        return tn(*UNITS[interval[2]], int(interval[1]))
    if within:
        return tn(*WITHIN, int(within[1]), first=typography.numerals(within[2]), last=typography.numerals(within[3]))
    if daily:
        hours = t(", ").join(typography.numerals(f"{int(hour):02}:{int(daily[1]):02}") for hour in daily[2].split(","))
        if daily[3] == "*":
            return t("every day at {hours}", hours=hours)
        return t("every {day} at {hours}", day=t(DAYS[int(daily[3])]), hours=hours)
    return expression
