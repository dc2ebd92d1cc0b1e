"""An XForm written back as the XLSForm that it may have come from: for servers that keep no workbook.

What phones act on comes back: names, types, choices, labels in all languages, expressions. What an XForm does not hold (comments, other
sheets, columns of the author's own) is gone; a form compiled again from the result asks the same questions.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from kobo_sync.errors import FormError

H, X, JR, ODK, ORX = (
    "{http://www.w3.org/1999/xhtml}",
    "{http://www.w3.org/2002/xforms}",
    "{http://openrosa.org/javarosa}",
    "{http://www.opendatakit.org/xforms}",
    "{http://openrosa.org/xforms}",
)
Row = dict[str, str]

_TYPES = {
    "string": "text",
    "int": "integer",
    "decimal": "decimal",
    "date": "date",
    "time": "time",
    "dateTime": "datetime",
    "geopoint": "geopoint",
    "geotrace": "geotrace",
    "geoshape": "geoshape",
    "barcode": "barcode",
}
_UPLOADS = {"image": "image", "audio": "audio", "video": "video"}
_PRELOADS = {
    ("timestamp", "start"): "start",
    ("timestamp", "end"): "end",
    ("date", "today"): "today",
    ("property", "deviceid"): "deviceid",
    ("property", "username"): "username",
    ("property", "phonenumber"): "phonenumber",
    ("property", "phone number"): "phonenumber",
    ("property", "email"): "email",
    ("property", "simserial"): "simserial",
    ("property", "subscriberid"): "subscriberid",
}
_SELECTS = {f"{X}select1": "select_one", f"{X}select": "select_multiple", f"{ODK}rank": "rank"}
_CONTROLS = (*_SELECTS, f"{X}input", f"{X}upload", f"{X}trigger", f"{X}range")
_ITEMSET = re.compile(r"instance\('([^']+)'\)/root/item(?:\[(.*)\])?$", re.DOTALL)
_MEDIA = re.compile(r"^jr://\w+/")


def workbook_of(xform: bytes, form_id: str) -> bytes:
    """The XLSForm, as .xlsx, that says what *xform* says. Raises: FormError when it is no XForm."""
    try:
        return _written(_Reading(fromstring(xform)).sheets())
    except (ParseError, DefusedXmlException, AttributeError, LookupError, ValueError) as error:
        raise FormError(
            f"the server's XForm cannot be read ({type(error).__name__})",
            form=form_id,
            hint="take its XLSForm from whoever made it, and put it into forms/",
        ) from error


class _Reading:
    """An XForm under way to its sheets."""

    def __init__(self, document: Any) -> None:
        self._head, self._body = document.find(f"{H}head"), document.find(f"{H}body")
        self._model = self._head.find(f"{X}model")
        self._binds = {bind.get("nodeset", ""): bind for bind in self._model.iter(f"{X}bind")}
        self._instances = self._model.findall(f"{X}instance")
        self._root = self._instances[0][0]
        self._top = f"/{_local(self._root.tag)}"
        self._texts, self._default = self._read_texts()
        self._controls = {each.get("ref", ""): each for tag in _CONTROLS for each in self._body.iter(tag)}
        self._repeats = {each.get("nodeset", ""): each for each in self._body.iter(f"{X}repeat")}
        self._groups = {each.get("ref", ""): each for each in self._body.iter(f"{X}group") if each.get("ref")}
        self._sources = {each.get("id", ""): each for each in self._instances[1:]}
        self._choices: dict[str, list[Row]] = {}
        self._defaults = {
            each.get("ref", ""): each.get("value", "")
            for each in document.iter(f"{X}setvalue")
            if "first-load" in each.get("event", "") or "new-repeat" in each.get("event", "")
        }
        # A count that is worked out stands in a question of its own, which the compiler makes.
        counts = [each.get(f"{JR}count", "").strip() for each in self._repeats.values()]
        self._counts = {path for path in counts if path.endswith("_count") and path not in self._controls}

    def sheets(self) -> dict[str, list[Row]]:
        survey = list(self._rows(self._root, self._top))
        settings = {
            "form_title": (self._head.findtext(f"{H}title") or "").strip(),
            "form_id": self._root.get("id", ""),
            "version": self._root.get("version", ""),
            "default_language": self._default,
            "style": self._body.get("class", ""),
            "instance_name": self._expression(self._binds.get(f"{self._top}/meta/instanceName"), "calculate"),
        }
        order = [name for name in self._sources if name in self._choices]
        order += [name for name in self._choices if name not in self._sources]
        choices = [{"list_name": name, **row} for name in order for row in self._choices[name]]
        return {
            "survey": survey,
            "choices": choices,
            "settings": [{key: text for key, text in settings.items() if text}],
        }

    # ── the survey ──

    def _rows(self, parent: Any, path: str) -> Iterator[Row]:
        """The rows of what lies in *parent*, in the order of the instance; a repeat's template stands for its rows."""
        seen = set()
        for node in parent:
            name = _local(node.tag)
            here = f"{path}/{name}"
            if name in seen:
                continue
            seen.add(name)
            if here == f"{self._top}/meta":
                if any(_local(child.tag) == "audit" for child in node):
                    yield {"type": "audit", "name": "audit", **self._parameters(f"{here}/audit")}
            elif here in self._counts:
                continue
            elif here in self._repeats:
                yield from self._section("repeat", node, name, here)
            elif here in self._groups or len(node):
                yield from self._section("group", node, name, here)
            else:
                yield self._question(node, name, here)

    def _section(self, kind: str, node: Any, name: str, path: str) -> Iterator[Row]:
        group = self._groups.get(path)
        row = {"type": f"begin_{kind}", "name": name, **self._told(group), **self._bound(path)}
        shown = self._repeats.get(path) if kind == "repeat" else group
        if shown is not None and shown.get("appearance"):
            row["appearance"] = shown.get("appearance", "")
        if shown is not None and (count := shown.get(f"{JR}count", "").strip()):
            row["repeat_count"] = self._expression(self._binds.get(count), "calculate") or self._references(count)
        yield row
        yield from self._rows(node, path)
        yield {"type": f"end_{kind}", "name": name}

    def _question(self, node: Any, name: str, path: str) -> Row:
        control, bind = self._controls.get(path), self._binds.get(path)
        row = {"name": name, **self._told(control), **self._bound(path)}
        if control is not None and control.get("appearance"):
            row["appearance"] = control.get("appearance", "")
        if (node.text or "").strip():
            row["default"] = self._references(_MEDIA.sub("", (node.text or "").strip()))
        elif path in self._defaults:
            row["default"] = self._references(self._defaults[path])
        row |= self._parameters(path)
        row["type"] = self._type(control, bind, name, row)
        return {"type": row.pop("type"), **row}

    def _parameters(self, path: str) -> Row:
        """What stands in a bind that is no column of its own: the size of pictures, what an audit notes."""
        bind = self._binds.get(path)
        given = [
            f"{_local(key)}={text}"
            for key, text in (bind.attrib.items() if bind is not None else ())
            if key.startswith((ODK, ORX)) and _local(key) not in ("length",)
        ]
        return {"parameters": " ".join(given)} if given else {}

    def _type(self, control: Any, bind: Any, name: str, row: Row) -> str:
        data_type = bind.get("type", "string") if bind is not None else "string"
        if bind is not None and (preload := bind.get(f"{JR}preload")):
            return _PRELOADS.get((preload, bind.get(f"{JR}preloadParams", "")), "calculate")
        if control is None:
            return "calculate" if "calculation" in row else "hidden"
        if control.tag in _SELECTS:
            return self._select(control, name, row)
        if control.tag == f"{X}upload":
            return _UPLOADS.get(control.get("mediatype", "").partition("/")[0], "file")
        if control.tag == f"{X}trigger":
            return "acknowledge"
        if control.tag == f"{X}range":
            row["parameters"] = " ".join(
                f"{key}={control.get(key)}" for key in ("start", "end", "step") if control.get(key)
            )
            return "range"
        is_shown_only = (
            data_type == "string" and row.get("read_only") == "yes" and not row.keys() & {"calculation", "default"}
        )
        if is_shown_only:
            del row["read_only"]
        return "note" if is_shown_only else _TYPES.get(data_type, "text")

    def _select(self, control: Any, name: str, row: Row) -> str:
        kind = _SELECTS[control.tag]
        itemset = control.find(f"{X}itemset")
        if itemset is None:
            self._choices[name] = [
                {"name": item.findtext(f"{X}value") or "", **self._labels(item)} for item in control.iter(f"{X}item")
            ]
            return f"{kind} {name}"
        items, parameters = self._shuffled(" ".join((itemset.get("nodeset") or "").split()))
        where = _ITEMSET.match(items)
        if where is None:
            return f"{kind} {name}"
        if where[2]:
            row["choice_filter"] = self._references(where[2].strip())
        source = self._sources.get(where[1])
        if source is not None and (file := source.get("src")):
            names = [(key, itemset.find(f"{X}{key}")) for key in ("value", "label")]
            refs = {key: each.get("ref", "") for key, each in names if each is not None}
            other = {
                key: ref
                for key, ref in refs.items()
                if ref not in (("name", "label") if key == "value" else ("label",))
            }
            parameters |= other
            extension = {"jr://file-csv": ".csv"}.get(file.rpartition("/")[0], "")
            file_name = file.rpartition("/")[2]
            row |= _in_row(parameters)
            return f"{kind}_from_file {file_name if '.' in file_name else file_name + extension}"
        if source is not None and where[1] not in self._choices:
            self._choices[where[1]] = [self._choice(item) for item in source.iter(f"{X}item")]
        row |= _in_row(parameters)
        return f"{kind} {where[1]}"

    def _shuffled(self, nodeset: str) -> tuple[str, Row]:
        """Where a list's items come from, and the parameters that say whether they are shuffled, and by what seed."""
        if not (nodeset.startswith("randomize(") and nodeset.endswith(")")):
            return nodeset, {}
        items, seed = _arguments(nodeset[len("randomize(") : -1])
        return items, {"randomize": "true", **({"seed": self._references(seed)} if seed else {})}

    def _choice(self, item: Any) -> Row:
        row: Row = {}
        for child in item:
            key, text = _local(child.tag), (child.text or "").strip()
            if key == "itextId":
                row |= self._translated(text, "label")
            else:
                row[key] = text
        return {"name": row.pop("name", ""), **row}

    # ── texts ──

    def _read_texts(self) -> tuple[dict[str, dict[str, dict[str, str]]], str]:
        """id → language → form of the text (empty: the text itself) → text; and the default language."""
        texts: dict[str, dict[str, dict[str, str]]] = {}
        default = ""
        for translation in self._model.iter(f"{X}translation"):
            language = translation.get("lang", "")
            if translation.get("default"):
                default = language
            for text in translation.findall(f"{X}text"):
                values = texts.setdefault(text.get("id", ""), {}).setdefault(language, {})
                for value in text.findall(f"{X}value"):
                    values[value.get("form", "")] = self._plain(value)
        return texts, "" if default == "default" else default

    def _plain(self, element: Any) -> str:
        parts = [element.text or ""]
        for child in element:
            if _local(child.tag) == "output":
                parts.append(self._references(child.get("value", "").strip()))
            parts.append(child.tail or "")
        return "".join(parts).strip()

    def _told(self, control: Any) -> Row:
        """Label and hint of a question or a section."""
        return {} if control is None else {**self._labels(control), **self._labels(control, "hint")}

    def _labels(self, element: Any, kind: str = "label") -> Row:
        told = element.find(f"{X}{kind}")
        if told is None:
            return {}
        itext = re.match(r"jr:itext\('(.+)'\)", told.get("ref", ""))
        if itext:
            return self._translated(itext[1], kind)
        text = self._plain(told)
        return {kind: text} if text else {}

    def _translated(self, text_id: str, kind: str) -> Row:
        row: Row = {}
        for language, values in self._texts.get(text_id, {}).items():
            for form, text in values.items():
                column = {"": kind, "guidance": "guidance_hint"}.get(form, f"media::{form}")
                shown = _MEDIA.sub("", text) if column.startswith("media") else text
                if shown and shown != "-":
                    row[column if language == "default" else f"{column}::{language}"] = shown
        return row

    # ── expressions ──

    def _bound(self, path: str) -> Row:
        bind = self._binds.get(path)
        row: Row = {}
        for key, column in (
            ("relevant", "relevant"),
            ("constraint", "constraint"),
            ("calculate", "calculation"),
            ("required", "required"),
            ("readonly", "read_only"),
        ):
            text = self._expression(bind, key)
            if text and text != "false()":
                row[column] = "yes" if text == "true()" and column in ("required", "read_only") else text
        for key, column in (("constraintMsg", "constraint_message"), ("requiredMsg", "required_message")):
            text = bind.get(f"{JR}{key}", "") if bind is not None else ""
            itext = re.match(r"jr:itext\('(.+)'\)", text)
            if itext:
                row |= self._translated(itext[1], column)
            elif text:
                row[column] = text
        return row

    def _expression(self, bind: Any, key: str) -> str:
        return self._references(bind.get(key, "")) if bind is not None else ""

    def _references(self, expression: str) -> str:
        """Paths to questions as XLSForms write them."""
        expression = re.sub(
            rf"\s?instance\('__last-saved'\){re.escape(self._top)}((?:/[\w.\-]+)+)\s?",
            lambda path: f"${{last-saved#{path[1].rpartition('/')[2]}}}",
            expression,
        )
        text = re.sub(
            rf"\s?{re.escape(self._top)}((?:/[\w.\-]+)+)\s?",
            lambda path: f"${{{path[1].rpartition('/')[2]}}}",
            expression,
        )
        text = re.sub(
            r"\s?(?:current\(\)/)?(?:\.\./)+((?:[\w.\-]+/)*[\w.\-]+)\s?",
            lambda path: f"${{{path[1].rpartition('/')[2]}}}",
            text,
        )
        return text.strip()


def _local(tag: Any) -> str:
    return str(tag).rsplit("}", 1)[-1]


def _in_row(parameters: Row) -> Row:
    return {"parameters": " ".join(f"{key}={text}" for key, text in parameters.items())} if parameters else {}


def _arguments(text: str) -> tuple[str, str]:
    """The first argument and what follows it; a comma in brackets or in a text parts none."""
    depth, quote = 0, ""
    for at, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and not depth:
            return text[:at].strip(), text[at + 1 :].strip()
    return text, ""


def _written(sheets: Mapping[str, list[Row]]) -> bytes:
    from xlsxwriter import Workbook

    written = io.BytesIO()
    with Workbook(written, {"in_memory": True}) as book:
        book.set_properties({"created": datetime(1980, 1, 1)})  # noqa: DTZ001 - a zip entry's fixed date, not a moment
        for name, rows in sheets.items():
            page = book.add_worksheet(name)
            columns = list(dict.fromkeys(key for row in rows for key in row))
            for at, column in enumerate(columns):
                page.write_string(0, at, column)
                for number, row in enumerate(rows, 1):
                    page.write_string(number, at, row.get(column, ""))
    return written.getvalue()
