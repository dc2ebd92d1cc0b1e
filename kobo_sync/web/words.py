"""Codes of the desk as people say them."""

from __future__ import annotations

import re

from kobo_sync.config.timetable import INTERVAL
from kobo_sync.web.texts import t

STATUSES = {
    "running": "en cours",
    "done": "réussi",
    "findings": "réussi, avec des constats",
    "failed": "échec",
    "stopped": "arrêté",
    "lost": "interrompu",
    "missed": "manqué",
}
ORIGINS = {
    "command": "commande",
    "schedule": "horaire",
    "catch_up": "rattrapage",
    "person": "à la demande",
    "hook": "arrivée sur le serveur",
}
COUNTS = {
    "new": "nouvelles soumissions",
    "edited": "modifiées",
    "validated": "statuts changés",
    "restored": "rétablies",
    "deleted": "supprimées",
    "files_stored": "fichiers reçus",
    "files_missing": "fichiers manquants",
    "files": "documents",
    "zips": "archives",
    "participants": "participant·e·s publié·e·s",
    "check.new": "constats nouveaux",
    "check.closed": "constats clos",
    "check.reopened": "constats rouverts",
    "check.open": "constats à traiter",
    "check.held": "soumissions mises en attente",
    "well": "points en ordre",
    "ill": "points à corriger",
}
ROLES = {"staff": "équipe", "consultant": "consultant·e", "reader": "lecture seule"}
CLASSES = {
    "nominative": "nominatif",
    "aggregate": "agrégé",
    "pseudonymised": "pseudonymisé",
    "public": "public",
    "internal": "interne",
}
UNITS = {"s": "secondes", "min": "minutes", "h": "heures", "d": "jours"}
DAYS = ("dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_DAILY = re.compile(r"(\d{1,2}) ([\d,]+) \* \* (\*|[0-7])")
_WITHIN = re.compile(r"\*/(\d{1,2}) (\d{1,2})-(\d{1,2}) \* \* \*")


def in_words(expression: str) -> str:
    """A schedule as people say it; what has no plain words stays as it is written."""
    interval, daily = INTERVAL.fullmatch(expression), _DAILY.fullmatch(expression)
    within = _WITHIN.fullmatch(expression)
    if interval:
        return t("toutes les {n} {unit}", n=interval[1], unit=t(UNITS[interval[2]]))
    if within:
        return t("toutes les {n} minutes de {first} h à {last} h", n=within[1], first=within[2], last=within[3])
    if daily:
        hours = ", ".join(f"{int(hour):02}:{int(daily[1]):02}" for hour in daily[2].split(","))
        if daily[3] == "*":
            return t("chaque jour à {hours}", hours=hours)
        return t("chaque {day} à {hours}", day=t(DAYS[int(daily[3])]), hours=hours)
    return expression
