"""All that checks, analyses and deliverables may see of a mission or a zone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from kobo_sync.config.config import Config
from kobo_sync.forms.sheets import Book
from kobo_sync.model import Choice, Finding, Form, Manifest, Zone

if TYPE_CHECKING:
    import pandas as pd

    from kobo_sync.analysis.people import Names
    from kobo_sync.analysis.persons import Person


@dataclass(frozen=True)
class Facts:
    """All that a deliverable may see.

    *tables* maps a flat table's name (the form_id, or ``form_id__repeat``) to its rows (of one zone
    when *zone* is set; the whole mission otherwise), columns named by question, plus the system
    columns of `store.tables.layout`. *attachment* gives the bytes of a file by root_uuid and file name.
    *catalogues* maps a list that phones get as a file (``besoins.csv`` of config/, ``villages.csv`` of forms/media/) to its
    items, labels and columns; *earlier_choices* maps (form_id, question) to the choices that its form offers no more.
    *as_of* is the data's time (the newest submission or validation), not the clock's. *templates* and
    *annexes* map the paths of what staff keep in exports/ to bytes; *previous_files* is what the set's folder holds
    from the last build, for a document that is patched in place; *fresh* asks for a new one beside it; *unchanged*: nothing that
    it is made from is other than at the last build.
    *books* are the XLSForms' sheets by file name. *final* leaves the draft mark out. *zone_sets* maps a zone's
    code to the manifest of its own set (its files and findings left out), for papers that compare zones.
    *file_digests* maps (root_uuid, file name) to the SHA-256 of files that are here, None when that is not known;
    *versions* a form_id to the version that phones get and since when; *reworked* the root_uuid of each row whose
    answers changed after they were approved to the uuid of its last edit. *triage* counts the findings by zone (empty:
    of the mission as a whole) and state, those that people decided about and those corrected since included.
    *pseudonym_key* gives the key that the codes of pseudonymised files are made with. *names* gives whom all rows of
    the mission name, whichever zone *tables* are of, *registered* who is registered in any zone of it (`persons`); both None
    where *tables* are all there is.
    """

    config: Config
    zone: Zone | None
    as_of: datetime | None
    forms: Mapping[str, Form]
    tables: Mapping[str, pd.DataFrame]
    attachment: Callable[[str, str], bytes | None]
    catalogues: Mapping[str, tuple[Choice, ...]] = field(default_factory=dict)
    earlier_choices: Mapping[tuple[str, str], tuple[Choice, ...]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    form_versions: Mapping[str, str] = field(default_factory=dict)
    fingerprint: str = ""
    templates: Mapping[str, bytes] = field(default_factory=dict)
    annexes: Mapping[str, bytes] = field(default_factory=dict)
    previous_files: Mapping[str, bytes] = field(default_factory=dict)
    books: Mapping[str, Book] = field(default_factory=dict)
    fresh: bool = False
    unchanged: bool = False
    final: bool = False
    file_digests: Mapping[tuple[str, str], str] | None = None
    versions: Mapping[str, tuple[str, datetime | None]] = field(default_factory=dict)
    reworked: Mapping[str, str] = field(default_factory=dict)
    triage: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    zone_sets: Mapping[str, Manifest] = field(default_factory=dict)
    pseudonym_key: Callable[[], bytes] = bytes
    names: Callable[[], Names] | None = None
    registered: Callable[[], Mapping[str, Person]] | None = None

    def form_of(self, table: str) -> str:
        """The form whose table or repeat *table* is: the longest form_id that its name begins with; "" for none."""
        owners = [form_id for form_id in self.config.forms if table == form_id or table.startswith(f"{form_id}__")]
        return max(owners, key=len, default="")

    def tables_of(self, form_id: str) -> list[str]:
        """The names of the form's tables, its own first, then its repeats' by name."""
        return sorted(table for table in self.tables if self.form_of(table) == form_id)
