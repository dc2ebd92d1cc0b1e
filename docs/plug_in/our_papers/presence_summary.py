"""One page per zone: how many people of each group came. It counts, and names nobody."""

from __future__ import annotations

from kobo_sync.analysis.attendance import attendance
from kobo_sync.analysis.facts import Facts
from kobo_sync.deliverables import letterhead
from kobo_sync.documents.word import writer
from kobo_sync.model import Class, Document, Scope

NAME = "presence_summary"
TITLE = "Presence by group"
SCOPE: Scope = "zone"  # or "mission": then facts hold the rows of all zones
CLASS: Class = "aggregate"  # "nominative" where it names people: it then stays out of the zips that are sent


def build(facts: Facts) -> list[Document]:
    """The page, from the rows of the zone that *facts* hold."""
    listed = attendance(facts)
    by_group = listed.counts("group")
    rows = [(group.name, str(by_group.get(group.code, 0))) for group in facts.config.groups]
    document = letterhead.open_paper(facts, TITLE, letterhead.forms_of(facts, "attendance"))
    writer.title(document, f"{TITLE} – {letterhead.place_name(facts)}", f"{listed.n_present} people came")
    writer.table(document, writer.Table(head=("Group", "Came"), rows=rows, widths=(10, 4), right=(1,)))
    return [letterhead.close_paper(facts, document, "presence-by-group.docx", CLASS)]
