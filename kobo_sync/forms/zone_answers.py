"""Which zone an answer means: its code or its name, or what ``forms.<form_id>.zones`` says, however either is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kobo_sync.config.config import Config
from kobo_sync.config.files import ZONES_FILE
from kobo_sync.config.zones import plain
from kobo_sync.model import Choice, Form

_OWN_LIST = ZONES_FILE.rpartition("/")[2]  # phones that read it send its codes


@dataclass(frozen=True)
class ZoneReader:
    """How the answers to *question* (empty: none is asked) tell a zone of the mission.

    *by_text* maps what may be written, as `plain` makes it, to the zone's code; *labels* a choice's code to what people read.
    """

    question: str
    codes: frozenset[str]
    mapped: Mapping[str, str] = field(default_factory=dict)
    by_text: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    is_list: bool = False

    def code(self, answer: object) -> str:
        """The code of the zone that *answer* means; the answer itself where it means none."""
        text = str(answer).strip() if answer is not None else ""
        if not text or (text in self.codes and not self.mapped):
            return text
        whole, point, rest = text.partition(".")
        number = whole if point and not rest.strip("0") and whole.lstrip("-").isdigit() else text  # 1.0 is 1
        texts = [plain(each) for each in (text, number, *self.labels.get(text, ()))]
        zones = (known[each] for known in (self.mapped, self.by_text) for each in texts if each in known)
        return next(zones, text)

    @property
    def is_plain(self) -> bool:
        """Whether all that can be chosen are zones' codes, or mean none: then an answer is the code, and need not be looked at."""
        is_chosen = self.is_list and not self.mapped
        return not self.question or (is_chosen and all(self.code(each) == each for each in self.labels))


def zone_reader(config: Config, form_id: str, form: Form | None, lists: Mapping[str, Sequence[Choice]]) -> ZoneReader:
    """The reader of a form's zones; *lists* are the choices of files that selects read, by name. Raises: nothing."""
    settings = config.forms[form_id]
    name = settings.fields.get("zone", "")
    question = form.question(name) if form else None
    offered: Sequence[Choice] = ()
    if form and question and question.file_name != _OWN_LIST:
        offered = form.choices.get(question.list_name, ()) or lists.get(question.file_name, ())
    codes = frozenset(zone.code for zone in config.zones)
    is_list = question is None or question.kind.startswith("select_one")
    if is_list and not settings.zones and all(choice.name in codes for choice in offered):
        return ZoneReader(name, codes, is_list=True)
    bearers: dict[str, set[str]] = {}
    for zone in config.zones:
        for label in zone.labels.values():
            bearers.setdefault(plain(label), set()).add(zone.code)
    named = {label: next(iter(codes)) for label, codes in bearers.items() if label and len(codes) == 1}
    return ZoneReader(
        name,
        codes,
        {plain(written): code for written, code in settings.zones.items()},
        named | {plain(zone.code): zone.code for zone in config.zones},
        {choice.name: [label for label in choice.labels.values() if label.strip()] for choice in offered},
        is_list=is_list,
    )
