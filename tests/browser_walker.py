"""Whoever fills a form: walks through it page by page, answers what is to be seen, and notes what was entered.

It knows no form: what a question takes is read from the page, whether an answer is accepted from its constraint.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from playwright.sync_api import Locator, Page

TEXTS = ["Une réponse <&> « جواب »", "Amina", "BER-01", "0612345678", "a@b.ma", "42"]
NUMBERS = ["3", "1", "7", "25", "120", "0", "-5", "2.5"]
LOOK = """() => {
  const shown = (e) => e.getClientRects().length > 0;
  const place = (q, name) => {
    let path = name; // each repeat of the path with its number
    for (let r = q.closest('.or-repeat'); r; r = r.parentElement.closest('.or-repeat')) {
      const own = r.getAttribute('name');
      const turns = [...r.parentElement.children].filter((c) => c.matches('.or-repeat') && c.getAttribute('name') === own);
      path = path.replace(own, own + '[' + (turns.indexOf(r) + 1) + ']');
    }
    return path.split('/').slice(2).join('/');
  };
  const seen = [];
  document.querySelectorAll('form.or .question').forEach((q) => {
    if (!shown(q) || q.closest('.disabled') || q.classList.contains('note')) return;
    const control = q.querySelector('input[name], select[name], textarea[name]');
    if (!control || control.readOnly || control.closest('.readonly')) return;
    const name = control.dataset.name || control.name;
    if (!q.dataset.walk) q.dataset.walk = String((window.walked = (window.walked || 0) + 1));
    const kind = q.matches('.or-appearance-signature, .or-appearance-draw, .or-appearance-annotate') ? 'draw'
      : control.classList.contains('rank') ? 'rank' : control.type === 'file' ? 'file'
      : control.dataset.typeXml === 'geopoint' ? 'geopoint' : control.getAttribute('list') ? 'search'
      : q.querySelector('.range-widget') ? 'range'
      : control.tagName === 'SELECT' ? (control.multiple ? 'picker' : 'select') : control.tagName === 'TEXTAREA' ? 'text' : control.type;
    const options = ['select', 'picker'].includes(kind) ? [...control.options].map((o) => o.value).filter(Boolean)
      : kind === 'search' ? [...q.querySelectorAll('datalist option')].map((o) => o.dataset.value).filter(Boolean)
      : ['radio', 'checkbox', 'rank'].includes(kind) ? [...q.querySelectorAll('label:not(.itemset-template) input[value]')].filter((i) => shown(i.closest('label'))).map((i) => i.value) : [];
    seen.push({ id: q.dataset.walk, name: name.split('/').pop(), path: place(q, name), kind, options, type: control.dataset.typeXml });
  });
  return seen;
}"""
REFUSED = """async (id) => {
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  const q = document.querySelector(`[data-walk="${id}"]`);
  return q.matches('.invalid-constraint, .invalid-required, .invalid-value');
}"""


@dataclass
class Walker:
    """*given* are answers by question name (a list: one of them is accepted; None: it is left alone).

    *files* are what file questions take, in turn.
    """

    page: Page
    given: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[Path] = ()
    rng: Random = field(default_factory=lambda: Random(1))
    entered: dict[str, str] = field(default_factory=dict)
    repeats: int = 2
    done: set[str] = field(default_factory=set)

    def fill(self) -> dict[str, str]:
        """Every page to the last; path (repeats numbered) → what was entered."""
        self.page.evaluate(
            "() => { window.flips = 0; document.addEventListener('pageflip', () => (window.flips += 1)); }"
        )
        while True:
            self.fill_page()
            if self._add_repeat():
                continue
            forward = self.page.locator(".next-page:not(.disabled)")
            if not forward.count():
                return self.entered
            before = self.page.evaluate("() => window.flips")
            forward.click()
            self.page.wait_for_function(
                "(before) => window.flips > before"
                " || document.querySelector('form.or .current :is(.invalid-constraint, .invalid-required)')",
                arg=before,
            )
            faults = self.page.locator("form.or .current :is(.invalid-constraint, .invalid-required):visible")
            assert not faults.count(), faults.first.inner_text()

    def finish(self) -> None:
        """The last button, and the page that says thanks."""
        self.page.click(".finish")
        self.page.wait_for_selector(".card.done")

    def fill_page(self) -> None:
        """What is to be seen now, and what comes to be seen because of an answer."""
        while True:
            seen = [each for each in self.page.evaluate(LOOK) if each["path"] not in self.done]
            if not seen:
                return
            self.done.add(seen[0]["path"])
            self._answer(seen[0])

    def _add_repeat(self) -> bool:
        """One more turn of the first repeat that has too few."""
        for button in self.page.locator("form.or .add-repeat-btn:visible").all():
            turns = button.evaluate(
                "e => { const info = e.closest('.or-repeat-info');"
                " return [...info.parentElement.children].filter((c) => c.matches('.or-repeat')"
                " && c.getAttribute('name') === info.dataset.name).length; }"
            )
            if turns < self.repeats:
                button.click()
                return True
        return False

    def _answer(self, seen: Mapping[str, Any]) -> None:
        question = self.page.locator(f'[data-walk="{seen["id"]}"]')
        for value in self._candidates(seen):
            if value is None:
                return
            entered = getattr(self, f"_{re.sub('-.*', '', seen['kind'])}", self._text)(question, value)
            if not self.page.evaluate(REFUSED, seen["id"]):
                self.entered[seen["path"]] = entered
                return
        raise AssertionError(f"no answer is accepted for {seen['path']}: {question.inner_text()}")

    def _candidates(self, seen: Mapping[str, Any]) -> list[Any]:
        kind, options = seen["kind"], list(seen["options"])
        if seen["name"] in self.given:
            given = self.given[seen["name"]]
            return given if isinstance(given, list) else [given]
        if kind in ("radio", "select", "search"):
            assert options, seen
            self.rng.shuffle(options)
            return options
        if kind in ("checkbox", "picker"):
            self.rng.shuffle(options)
            return [options[:n] for n in (2, 3, 1, len(options))]
        today = datetime.datetime.now().astimezone().date()  # as the page's browser counts
        by_kind: dict[str, list[Any]] = {
            "rank": [options],
            "file": [self.files[len(self.entered) % len(self.files)] if self.files else None],
            "draw": [True],
            "date": [(today + datetime.timedelta(days=n)).isoformat() for n in (0, 30, -30)],
            "time": ["09:30"],
            "datetime-local": [f"{today.isoformat()}T09:30"],
            "geopoint": [("32.5", "-4.75")],
            "range": ["4"],
            "number": NUMBERS,
        }
        if seen["type"] in ("int", "decimal"):
            return NUMBERS if kind != "range" else by_kind["range"]
        return by_kind.get(kind, TEXTS)

    # ── each kind of question, as a person answers it ───────────────────────

    def _text(self, question: Locator, value: str) -> str:
        control = question.locator("input[name]:visible, textarea[name]:visible").first
        control.fill(value)
        control.blur()
        return value

    _number = _tel = _email = _date = _text

    def _time(self, question: Locator, value: str) -> str:
        self._text(question, value)
        return value

    def _datetime(self, question: Locator, value: str) -> str:
        self._text(question, value)
        return value

    def _radio(self, question: Locator, value: str) -> str:
        label = question.locator(f'label:has(input[value="{value}"])').first
        if not label.locator("input").is_checked():  # a second click would take the answer back
            label.click()
        return value

    def _checkbox(self, question: Locator, values: Sequence[str]) -> str:
        order = question.locator("label:not(.itemset-template) input[type=checkbox]").evaluate_all(
            "l => l.map(e => e.value)"
        )
        for value in order:
            box = question.locator(f'label:not(.itemset-template) input[value="{value}"]')
            if box.is_checked() != (value in values):
                question.locator(f'label:has(input[value="{value}"])').first.click()
        return " ".join(value for value in order if value in values)

    def _select(self, question: Locator, value: str) -> str:
        question.locator("select").select_option(value)
        return value

    def _range(self, question: Locator, value: str) -> str:
        question.locator("input.range-widget__range, input[type=range]").first.fill(value)
        return value

    def _picker(self, question: Locator, values: Sequence[str]) -> str:
        select = question.locator("select")
        opener = question.locator(".dropdown-toggle")
        order = [
            value for value in select.locator("option").evaluate_all("l => l.map(e => e.value)") if value in values
        ]
        if opener.is_visible():
            opener.click()
            for value in order:
                question.locator(f'.dropdown-menu label:has(input[value="{value}"])').click()
            opener.click()
        else:
            select.select_option(order)
        return " ".join(order)

    def _search(self, question: Locator, value: str) -> str:
        label = question.locator(f'datalist option[data-value="{value}"]').get_attribute("value")
        question.locator("input.autocomplete").fill(label or "")
        question.locator("input.autocomplete").blur()
        return value

    def _rank(self, question: Locator, _values: Sequence[str]) -> str:
        question.locator(".rank-widget").click(position={"x": 40, "y": 12})
        return str(question.locator("input.rank").input_value())

    def _file(self, question: Locator, value: Path) -> str:
        question.locator("input[type=file]").set_input_files(value)
        shown = question.locator(".fake-file-input")
        self.page.wait_for_function("(e) => e.value", arg=shown.element_handle())
        return str(shown.input_value())

    def _draw(self, question: Locator, _value: bool) -> str:
        opener = question.locator(".show-canvas-btn")
        if opener.is_visible():
            opener.click()
        canvas = question.locator("canvas")
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        assert box is not None
        mouse = self.page.mouse
        mouse.move(box["x"] + 30, box["y"] + 30)
        mouse.down()
        for n in range(1, 8):
            mouse.move(box["x"] + 30 + 15 * n, box["y"] + 30 + (25 if n % 2 else -5))
        mouse.up()
        if question.locator(".hide-canvas-btn").is_visible():
            question.locator(".hide-canvas-btn").click()
        self.page.wait_for_function("(e) => e.value", arg=question.locator("input[data-drawing]").element_handle())
        name = question.locator("input[data-drawing]")
        stem, _, ending = name.input_value().rpartition(".")
        return f"{stem}{name.get_attribute('data-filename-postfix')}.{ending}"

    def _geopoint(self, question: Locator, value: tuple[str, str]) -> str:
        for name, text in zip(("lat", "long"), value, strict=True):
            question.locator(f"input[name={name}]").fill(text)
            question.locator(f"input[name={name}]").blur()
        return f"{value[0]} {value[1]}"


def flattened(row: Mapping[str, Any]) -> dict[str, str]:
    """A stored row's answers, repeats numbered: ``membre[2]/prenom``."""
    flat: dict[str, str] = {}

    def walk(fields: Mapping[str, Any], numbered: str, prefix: str) -> None:
        for key, value in fields.items():
            own = f"{numbered}{key.removeprefix(prefix)}"
            if isinstance(value, list):
                for n, item in enumerate(value, 1):
                    walk(item, f"{own}[{n}]/", f"{key}/")
            else:
                flat[own] = str(value)

    walk({key: value for key, value in row.items() if not key.startswith("_")}, "", "")
    return flat
