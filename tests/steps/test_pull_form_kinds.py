"""What phones send of a form beyond its rows: the words of or_other, the count of a repeat, rows of the server's own."""

from __future__ import annotations

from conftest import Field

from kobo_sync.steps.deploy import deploy
from kobo_sync.steps.deploy_plan import REFUSALS
from kobo_sync.steps.pull import pull

FORM = """
| survey |                              |             |                 |              |             |
|        | type                         | name        | label::Français | repeat_count | calculation |
|        | text                         | nom         | Nom             |              |             |
|        | select_one source or_other   | eau         | Source ?        |              |             |
|        | integer                      | n           | Combien ?       |              |             |
|        | begin_repeat                 | membre      | Membre          | ${n} + 1     |             |
|        | text                         | prenom_m    | Prénom          |              |             |
|        | end_repeat                   |             |                 |              |             |
|        | begin_group                  | g           | G               |              |             |
|        | text                         | position    | Poste           |              |             |
|        | end_group                    |             |                 |              |             |
|        | calculate                    | __version__ |                 |              | 'vAbc123'   |
| choices |
|        | list_name | name  | label::Français |
|        | source    | puits | Puits           |
| settings |
|        | form_title | form_id   | version |
|        | Personnes  | personnes | 9       |
"""


def test_all_that_a_phone_sends_is_known_and_has_a_column(field_team: Field) -> None:
    path = field_team.mission.workspace.root / "forms" / "personnes.md"
    path.write_text(FORM, "utf-8")
    deploy(field_team.reopen(), form_ids=["personnes"], despite=REFUSALS)
    field_team.mission = field_team.reopen()
    answers = {"nom": "A", "eau": "other", "eau_other": "citerne", "n": 1, "position": "Infirmier"}
    field_team.submit("personnes", {**answers, "membre": [{"prenom_m": "B"}, {"prenom_m": "C"}]})
    mission = field_team.reopen()
    report = pull(mission)
    assert report.findings == ()
    rows = mission.store.read_table(mission.tables["personnes"][0]).to_dict("records")
    assert [(row["eau"], row["eau_other"], row["membre_count"], row["position"]) for row in rows] == [
        ("other", "citerne", "2", "Infirmier")
    ]
