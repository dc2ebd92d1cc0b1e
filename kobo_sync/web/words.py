"""Codes of the desk as people say them."""

from __future__ import annotations

import re

from kobo_sync.config.timetable import INTERVAL
from kobo_sync.language import typography
from kobo_sync.language.sentences import general_key
from kobo_sync.web.texts import t, tn

STATUSES = {
    "running": "en cours",
    "done": "réussi",
    "findings": "réussi, avec des constats",
    "failed": "échec",
    "stopped": "arrêté",
    "lost": "interrompu",
    "missed": "manqué",
    "queued": "confié aux exécutants",
}
ORIGINS = {
    "command": "commande",
    "schedule": "horaire",
    "catch_up": "rattrapage",
    "person": "à la demande",
    "hook": "arrivée sur le serveur",
}
STAGES = {  # kinds of pieces in the workers' queue
    "pull": "Relève d’un projet",
    "reconcile": "Recomptage d’un projet",
    "follow": "Suites d’une relève",
    "review": "Recherche d’erreurs",
    "plan": "Choix des zones à refaire",
    "zone": "Documents d’une zone",
    "set": "Documents de la mission",
}
# What a run counts: one of them, many of them.
COUNTS = {
    "new": ("{n} nouvelle soumission", "{n} nouvelles soumissions"),
    "edited": ("{n} modifiée", "{n} modifiées"),
    "validated": ("{n} statut changé", "{n} statuts changés"),
    "restored": ("{n} rétablie", "{n} rétablies"),
    "deleted": ("{n} supprimée", "{n} supprimées"),
    "files_stored": ("{n} fichier reçu", "{n} fichiers reçus"),
    "files_missing": ("{n} fichier manquant", "{n} fichiers manquants"),
    "sent": ("{n} soumission transmise", "{n} soumissions transmises"),
    "files": ("{n} document", "{n} documents"),
    "zips": ("{n} archive", "{n} archives"),
    "participants": (
        "{n} participant·e sur la liste des téléphones",
        "{n} participant·e·s sur la liste des téléphones",
    ),
    "check.new": ("{n} constat nouveau", "{n} constats nouveaux"),
    "check.closed": ("{n} constat clos", "{n} constats clos"),
    "check.reopened": ("{n} constat rouvert", "{n} constats rouverts"),
    "check.open": ("{n} constat à traiter", "{n} constats à traiter"),
    "check.held": ("{n} soumission mise en attente", "{n} soumissions mises en attente"),
    "well": ("{n} point en ordre", "{n} points en ordre"),
    "ill": ("{n} point à corriger", "{n} points à corriger"),
}
PURPOSES = {  # what each job of the clock does
    "run": "Tous les travaux à la suite : relever, chercher les erreurs, fabriquer les documents, préparer les archives.",
    "relay": "Envoie à KoboToolbox ce que la station de terrain a reçu, dès que le réseau est là.",
    "pull": "Va chercher sur le serveur ce qui est nouveau ou modifié, fichiers compris.",
    "reconcile": "Relit toutes les réponses du serveur : trouve celles qui y ont été supprimées, et prouve que rien ne manque ici.",
    "check": "Compare les réponses entre elles et remplit la liste de la page Qualité.",
    "build": "Fait les documents Word, Excel et PDF de chaque zone et de la mission.",
    "deliver": "Met les documents dans des archives prêtes à envoyer, avec leur inventaire.",
    "digest": "Envoie à l’équipe l’état de la semaine.",
    "purge": "Efface ici ce qui désigne des personnes quand le délai de conservation est passé.",
    "backup": "Copie les bases de données dans le dossier des sauvegardes.",
    "doctor": "Vérifie l’installation, les réglages et le serveur.",
}
ROLES = {"staff": "équipe", "consultant": "consultant·e", "reader": "lecture seule"}
CLASSES = {
    "nominative": "nominatif",
    "aggregate": "agrégé",
    "pseudonymised": "pseudonymisé",
    "public": "public",
    "internal": "interne",
}
# Settings that choose among codes, by their key (``*``: a name that the mission gives).
CHOICES: dict[str, dict[str, str]] = {
    "forms.*.role": {
        "registration": "inscription",
        "attendance": "présence",
        "test": "test",
        "satisfaction": "satisfaction",
        "needs": "besoins",
        "focus_group": "groupe de discussion",
        "road_map": "feuille de route",
        "other": "autre",
    },
    "service.log_format": {"plain": "texte simple", "json": "JSON"},
    "notices.smtp.security": {"starttls": "STARTTLS", "tls": "TLS", "none": "sans chiffrement"},
    "report.objectives.*.evidence": {
        "attendance": "présence",
        "test": "test",
        "satisfaction": "satisfaction",
        "needs": "besoins",
        "dialogue": "dialogue",
        "focus_groups": "groupes de discussion",
        "road_map": "feuille de route",
        "smart": "actions SMART",
    },
    "checks.exclude": {"not_approved": "refusée", "on_hold": "mise en attente"},
    "privacy.classes.*": {
        "nominative": "nominatif",
        "sensitive": "sensible",
        "free text": "texte libre",
        "ordinary": "ordinaire",
    },
    "mission.documents": {"fr": "français", "en": "anglais", "ar": "arabe"},
    "mission.digits": {"latin": "0 1 2 3", "arabic": "٠ ١ ٢ ٣"},
    "mission.languages": {"fr": "français", "ar": "arabe", "zgh": "tamazight", "en": "anglais"},
}
SHARES = ("pull.max_gone_share", "notices.endangered_below")  # settings that are parts of a whole
UNITS = {
    "s": ("chaque seconde", "toutes les {n} secondes"),
    "min": ("chaque minute", "toutes les {n} minutes"),
    "h": ("chaque heure", "toutes les {n} heures"),
    "d": ("chaque jour", "tous les {n} jours"),
}
DAYS = ("dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_DAY, _HOUR = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d\d:\d\d:00")
_DAILY = re.compile(r"(\d{1,2}) ([\d,]+) \* \* (\*|[0-7])")
_WITHIN = re.compile(r"\*/(\d{1,2}) (\d{1,2})-(\d{1,2}) \* \* \*")


def setting_in_words(key: str, value: bool | float | str) -> str:
    """A setting's value as people say it: yes and no, codes, schedules, days, hours, parts of a whole; others as they are."""
    general = general_key(key)
    if isinstance(value, bool):
        return t("oui") if value else t("non")
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
        every = ("chaque minute de {first} h à {last} h", "toutes les {n} minutes de {first} h à {last} h")
        return tn(*every, int(within[1]), first=within[2], last=within[3])
    if daily:
        hours = ", ".join(f"{int(hour):02}:{int(daily[1]):02}" for hour in daily[2].split(","))
        if daily[3] == "*":
            return t("chaque jour à {hours}", hours=hours)
        return t("chaque {day} à {hours}", day=t(DAYS[int(daily[3])]), hours=hours)
    return expression
