"""Lint and compile of the mission's forms, beside pyxform alone, in turn; prints records (see `records`).

Usage: ``python benchmarks/forms.py [--runs 3]``. `lint` is a whole process, with ODK Validate where Java is; the others are
measured inside a process of their own, imports left out.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from records import ROOT, emit, own_line, peak_mb, used_cpu, whole_process

FORMS = sorted((ROOT / "forms").glob("*.xlsx"))


def child(what: str) -> dict[str, float]:
    """Every form compiled: by *ours*, or by *pyxform* alone."""
    sys.path.insert(0, str(ROOT))
    from pyxform.xls2xform import convert

    from kobo_sync.forms.compiler import compile_form

    contents = [(path.read_bytes(), path.name) for path in FORMS]
    began, cpu = time.perf_counter(), used_cpu()
    for content, name in contents:
        if what == "ours":
            compile_form(content, name, validate=False)
        else:
            convert(content, file_type=".xlsx", validate=False)
    return {"s": time.perf_counter() - began, "cpu": used_cpu() - cpu, "mb": peak_mb()}


def main() -> None:
    """Measure in turn, print records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(options.child)))
        return
    with tempfile.TemporaryDirectory() as name:
        mission = Path(name)
        for folder in ("config", "forms"):
            shutil.copytree(ROOT / folder, mission / folder, ignore=shutil.ignore_patterns("secrets.env"))
        command = [sys.executable, "-m", "kobo_sync", "lint", "--workspace", str(mission)]
        for run in range(1, options.runs + 1):
            n = {"n": len(FORMS)}
            emit("pyxform alone, every form", run, **n, **own_line(__file__, "--child", "pyxform"))
            against = {"pyxform alone, every form": ""}
            emit("compiled, every form", run, **n, against=against, **own_line(__file__, "--child", "ours"))
            shutil.rmtree(mission / ".kobo_sync", ignore_errors=True)
            emit(
                "lint with ODK Validate, nothing cached", run, **n, against=against, **whole_process(command, cwd=ROOT)
            )
            emit("lint, nothing changed", run, **n, against=against, **whole_process(command, cwd=ROOT))


if __name__ == "__main__":
    main()
