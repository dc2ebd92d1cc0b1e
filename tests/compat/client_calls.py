"""Every public method of koboextractor and pykobo, called on one server; what each gave is printed as JSON.

Run by itself, with those two and what they need on the path and nothing of ours: see test_clients.py.
Reads ``{"url", "token", "form", "flat", "counted", "folder"}``; a call that fails is an outcome like any other.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas
import pykobo
from koboextractor import KoboExtractor

ASKED = json.load(sys.stdin)
URL, TOKEN, FORM = ASKED["url"], ASKED["token"], ASKED["form"]
OURS = {ASKED[name]: name for name in ("form", "flat", "counted")}
OWN = ("_id", "_uuid", "rootUuid", "__version__", "_submission_time", "_attachments", "_validation_status", "_status")
found: dict[str, Any] = {}


def call(name: str, what: Callable[[], Any]) -> Any:
    try:
        value = what()
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"
        return None
    found[name] = frame(value) if isinstance(value, pandas.DataFrame) else value
    return value


def frame(data: pandas.DataFrame) -> dict[str, Any]:
    """Columns, and the answers in them; the server's own come in no order."""
    asked = data[[column for column in data.columns if column not in OWN]].astype(object)
    rows = asked.where(asked.notna(), None).to_dict("records")
    own = sorted(column for column in data.columns if column in OWN)
    return {"columns": [*asked.columns, *own], "rows": rows}


def then(first: Any, value: Callable[[], Any]) -> Any:
    return value()


# ── koboextractor ──

kobo = KoboExtractor(TOKEN, f"{URL}/api/v2")
call("list_assets", lambda: sorted(OURS[each["uid"]] for each in kobo.list_assets()["results"] if each["uid"] in OURS))
asset = call("get_asset", lambda: kobo.get_asset(FORM))
found["get_asset"] = {"keys": sorted(asset), "name": asset["name"], "url": asset["url"], "survey": [row.get("name") for row in asset["content"]["survey"]]}  # fmt: skip
data = call("get_data", lambda: kobo.get_data(FORM))
found["get_data"] = [{k: v for k, v in row.items() if k[0] != "_" and not k.startswith(("meta", "formhub"))} for row in data["results"]]  # fmt: skip
call("get_data query", lambda: kobo.get_data(FORM, query='{"nom":"Kouamé"}')["count"])
call("get_data submitted_after", lambda: kobo.get_data(FORM, submitted_after="2020-05-14T14:36:20")["count"])
call("get_data start, limit", lambda: [(page["count"], len(page["results"]), page["next"]) for page in [kobo.get_data(FORM, start=1, limit=1)]])  # fmt: skip
call("get_data limit", lambda: [(page["count"], len(page["results"]), page["next"]) for page in [kobo.get_data(FORM, limit=1)]])  # fmt: skip
call("get_data limit 30000", lambda: len(kobo.get_data(FORM, limit=30000)["results"]))
choices = call("get_choices", lambda: kobo.get_choices(asset))
questions = call("get_questions unpacked", lambda: kobo.get_questions(asset, True))
call("get_questions", lambda: kobo.get_questions(asset, False))
call("sort_results_by_time", lambda: [row["nom"] for row in kobo.sort_results_by_time(data["results"], reverse=True)])
for unpacked in (True, False):
    labelled = call(f"label_result {unpacked}", lambda: kobo.label_result(data["results"][1], choices, kobo.get_questions(asset, unpacked), unpack_multiples=unpacked))  # noqa: B023  # fmt: skip
    found[f"label_result {unpacked}"] = labelled and labelled["results"]
call("get_asset unknown", lambda: kobo.get_asset("aUnknown"))
call("get_data unknown", lambda: kobo.get_data("aUnknown"))
found["get_data unknown"] = str(found["get_data unknown"]).partition(":")[0]
call("list_assets bad token", lambda: KoboExtractor("0" * 40, f"{URL}/api/v2").list_assets())

# ── pykobo ──

call("Manager 1", lambda: pykobo.Manager(url=URL, api_version=1, token=TOKEN))
manager = pykobo.Manager(url=URL, api_version=2, token=TOKEN)
call("get_forms", lambda: sorted(OURS[form.uid] for form in manager.get_forms() if form.uid in OURS))
call("get_form unknown", lambda: manager.get_form("aUnknown"))
for name in ("form", "flat", "counted"):
    form = manager.get_form(ASKED[name])
    facts = ("uid", "name", "has_deployment", "num_submissions", "geo")
    call(f"metadata {name}", lambda: {fact: form.metadata[fact] for fact in facts})  # noqa: B023
    call(f"fetch_data {name}", lambda: then(form.fetch_data(), lambda: form.data))  # noqa: B023
    call(f"repeats {name}", lambda: {key: frame(value) for key, value in form.repeats.items()})  # noqa: B023
    call(f"display label {name}", lambda: then(form.display("label", "label"), lambda: form.data))  # noqa: B023
    call(f"display name {name}", lambda: then(form.display("name", "name"), lambda: form.data))  # noqa: B023
    call(f"fetch_media {name}", lambda: then(form.fetch_media(), lambda: sorted(form.media.get("filename", []))))  # noqa: B023
    call(f"fetch_attachments {name}", lambda: then(form.fetch_attachments(["photo"]), lambda: [str(url).rpartition("/data/")[0] or None for url in form.data["media_photo"]]))  # noqa: B023  # fmt: skip
os.chdir(ASKED["folder"])
form = manager.get_form(FORM)
for kind in ("xls", "xml", "csv"):
    call(f"download_form {kind}", lambda: then(form.download_form(kind), lambda: Path(f"{FORM}.{kind}").read_bytes()[:5].decode("latin-1")))  # noqa: B023  # fmt: skip
call("redeploy_form", lambda: manager.redeploy_form(FORM))
Path("zones.csv").write_text("name,label\nz1,Un\nz9,Neuf\n", encoding="utf-8")
Path("zones.txt").write_text("x", encoding="utf-8")


def media() -> list[str]:
    form.fetch_media()
    return sorted(form.media["filename"])


call("upload_media_from_local again", lambda: manager.upload_media_from_local(FORM, ".", "zones.csv"))
call("upload_media_from_local rewrite", lambda: then(manager.upload_media_from_local(FORM, ".", "zones.csv", rewrite=True), media))  # fmt: skip
call("upload_media_from_local type", lambda: manager.upload_media_from_local(FORM, ".", "zones.txt"))
call("upload_media_from_local missing", lambda: manager.upload_media_from_local(FORM, ".", "rien.csv"))
call("upload_media_from_server", lambda: then(manager.upload_media_from_server(FORM, b"name,label\na,A\n", "listes.csv"), media))  # fmt: skip
call("upload_media_from_server rewrite", lambda: then(manager.upload_media_from_server(FORM, b"name,label\na,AA\n", "listes.csv", rewrite=True), media))  # fmt: skip
call("share_project", lambda: manager.share_project(FORM, ASKED["reader"], "view_submissions"))
call("share_project unknown", lambda: manager.share_project(FORM, "nobody-here", "view_asset"))
call("share_project wrong", lambda: manager.share_project(FORM, ASKED["reader"], "wibble"))
call("fetch_users_with_access", lambda: sorted(manager.fetch_users_with_access(FORM)))
call("fetch_users_with_access unknown", lambda: manager.fetch_users_with_access("aUnknown"))
found["fetch_users_with_access unknown"] = found["fetch_users_with_access unknown"].partition(": ")[0]  # then a page
call("get_forms bad token", lambda: pykobo.Manager(url=URL, api_version=2, token="0" * 40).get_forms())
call("get_form bad token", lambda: pykobo.Manager(url=URL, api_version=2, token="0" * 40).get_form(FORM))
json.dump(found, sys.stdout, ensure_ascii=False, default=str)
