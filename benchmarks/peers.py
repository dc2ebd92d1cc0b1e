"""What people use today for the same job, each as the program that its own manual shows; run in the peers' own Python."""

from __future__ import annotations

from typing import Any

from pages import UID
from records import last_line

NAMES = ("dlt", "koboextractor", "pykobo", "requests", "pandas", "python-docx", "sqlalchemy")

_END = """
def end(began, cpu, **values):
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - cpu
    peak = int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"s": time.perf_counter() - began, "cpu": used, "mb": peak, **values}))
def start():
    return time.perf_counter(), sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
"""
_HEAD = "import contextlib, json, os, resource, sqlite3, sys, time\nurl, uid, n, per_page, folder = sys.argv[1:6]\nn, per_page = int(n), int(per_page)\n"

# Every page by its number, its rows taken apart and kept as lines: what a first script does.
REQUESTS = """
import requests
begin = start()
session, rows = requests.Session(), 0
with open(f"{folder}/rows.jsonl", "w") as out:
    for offset in range(0, n, per_page):
        results = session.get(f"{url}/api/v2/assets/{uid}/data/", params={"start": offset, "limit": per_page}).json()["results"]
        for row in results:
            out.write(json.dumps(row) + "\\n")
        rows += len(results)
    out.flush()
    os.fsync(out.fileno())
os.unlink(f"{folder}/rows.jsonl")
end(*begin, rows=rows)
"""
DLT = """
import dlt, requests
@dlt.resource(name="rows", primary_key="_id", write_disposition="merge")
def rows():
    session = requests.Session()
    for offset in range(0, n, per_page):
        yield session.get(f"{url}/api/v2/assets/{uid}/data/", params={"start": offset, "limit": per_page}).json()["results"]
begin = start()
target = f"{folder}/dlt.sqlite"
pipeline = dlt.pipeline("banc", destination=dlt.destinations.sqlalchemy(f"sqlite:///{target}"), dataset_name="main", pipelines_dir=f"{folder}/dlt")
pipeline.run(rows())
tables = sqlite3.connect(target)
count = lambda where: tables.execute("select count(*) from rows " + where).fetchone()[0]
end(*begin, rows=count(""), blank=count("where themes is null"))
"""
# `get_data` gives the server's first page; whoever wants all rows asks for page after page.
KOBOEXTRACTOR = """
from koboextractor import KoboExtractor
begin = start()
extractor = KoboExtractor("t", url + "/api/v2")
alone = len(extractor.get_data(uid)["results"])
rows = []
for offset in range(0, n, per_page):
    rows += extractor.get_data(uid, start=offset, limit=per_page)["results"]
end(*begin, rows=len(rows), alone=alone)
"""
PYKOBO = """
from pykobo.form import KoboForm
form = KoboForm(uid)
form.url_data, form.headers = f"{url}/api/v2/assets/{uid}/data.json", {}
form._get_survey, form._KoboForm__content = (lambda: None), {}
begin = start()
with contextlib.suppress(Exception):  # what follows the request wants the form's labels, which this server has not
    form.fetch_data()
end(*begin, rows=len(form.data))
"""
SCRIPTS = {"requests": REQUESTS, "dlt": DLT, "koboextractor": KOBOEXTRACTOR, "pykobo": PYKOBO}


def run_peer(python: str, name: str, url: str, n: int, per_page: int, folder: str) -> dict[str, Any]:
    """What a peer took for *n* rows, imports left out; its reason as ``error`` when it cannot run."""
    script = _HEAD + _END + SCRIPTS[name]
    return last_line(
        [python, "-c", script, url, UID, str(n), str(per_page), folder],
        environ={"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"},
    )


def versions(python: str) -> dict[str, str]:
    """The versions of the peers; none when that Python is not there."""
    script = (
        f"import json; from importlib.metadata import version; print(json.dumps({{n: version(n) for n in {NAMES!r}}}))"
    )
    try:
        answer = last_line([python, "-c", script])
    except OSError:
        return {}
    return {} if "error" in answer else answer
