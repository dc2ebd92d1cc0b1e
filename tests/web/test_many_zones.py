"""Many zones on the dashboard: a table in order, and a page behind each row."""

from __future__ import annotations

import pytest
from web_office import Office

from kobo_sync.desk import worklist
from kobo_sync.model import Finding


def sixty(office: Office) -> None:
    """The dashboard has that many zones, z00 to z59, named from the last to the first."""
    desk = office.field.mission.desk
    before = desk.snapshot("dashboard")
    assert before is not None
    content, fingerprint, made_at = before
    zones = []
    for n in range(60):
        published = content["zones"][0]["published"] | {
            "present": str(n),
            "quota_share": n / 60,
            "rates": {"satisfaction": ("≈", n / 60)},
        }
        one = content["zones"][0] | {"code": f"z{n:02}", "labels": {"fr": f"Zone d’essai {59 - n:02}"}}
        rates = [{"name": "satisfaction", "sign": "", "value": n / 60}]
        zones.append(one | {"quota_share": n / 60, "published": published, "rates": rates})
    desk.put_snapshot("dashboard", content | {"zones": zones}, fingerprint, made_at)


@pytest.mark.parametrize("username", ["maha", "rachid"])
def test_sixty_zones_are_a_table_with_order_and_filter(office: Office, username: str) -> None:
    sixty(office)
    client = office.client(username)
    text = client.get("/").text
    assert text.count('href="/zones/') == 60 and text.index("/zones/z59") < text.index("/zones/z00")
    text = client.get("/?tri=taux").text
    assert text.index("/zones/z00") < text.index("/zones/z59")
    text = client.get("/?nom=essai 07").text
    assert text.count('href="/zones/') == 1 and "/zones/z52" in text
    page = client.get("/zones/z52")
    assert page.status_code == 200 and "Zone d’essai 07" in page.text and "Zone d’essai 08" not in page.text
    assert client.get("/zones/nowhere").status_code == 404


def test_zones_are_narrowed_by_their_state_and_sorted_by_what_is_to_be_done(office: Office) -> None:
    sixty(office)
    findings = [
        Finding("DATA002", "warning", f"p {zone} {n}", "x", zone=zone, root_uuid=f"{zone}{n}")
        for zone, most in (("z07", 2), ("z20", 3))
        for n in range(most)
    ]
    worklist.refresh(office.field.mission.desk, findings, office.field.clock())
    client = office.client("maha")
    text = client.get("/?tri=constats").text
    assert text.index("/zones/z20") < text.index("/zones/z07") < text.index("/zones/z59")
    assert text.count("aria-sort=") == 1 and 'aria-sort="descending"' in text
    assert 'class="spark" role="img"' in text and 'aria-label="Satisfaction' in text
    narrowed = client.get("/?etat=constats&tri=constats").text
    assert narrowed.count('href="/zones/') == 2 and "2 zones dans la liste" in narrowed
    assert "nom=&amp;etat=constats&amp;tri=taux" in narrowed, "a heading sorts what is filtered"
    assert client.get("/?etat=en-cours").text.count('href="/zones/') == 60
    assert "Aucune zone ne correspond" in client.get("/?etat=atteint").text
    assert client.get("/?etat=nonsense").text.count('href="/zones/') == 60
    reader = office.client("rachid").get("/?tri=constats&etat=constats").text
    assert reader.count('href="/zones/') == 60 and "à traiter" not in reader, (
        "findings are for those who deal with them"
    )
    assert 'aria-label="Satisfaction ≈ 50' in reader, "as the papers tell it"
