"""What jobs are called on the pages."""

from __future__ import annotations

TITLES = {
    "run": "Tout faire, de la relève aux archives",
    "relay": "Transmission de la station de terrain",
    "pull": "Relève des réponses",
    "reconcile": "Recomptage avec le serveur",
    "check": "Recherche d’erreurs dans les réponses",
    "build": "Fabrication des documents",
    "deliver": "Archives à envoyer",
    "digest": "Bilan de la semaine par mail",
    "purge": "Effacement des données personnelles",
    "backup": "Sauvegarde",
    "adopt": "Reprise de projets du serveur",
    "doctor": "Diagnostic",
    "diff": "Comparaison des formulaires",
    "deploy": "Publication des formulaires",
    "roster": "Liste des participant·e·s",
    "export": "Export",
    "restore": "Restauration",
}
