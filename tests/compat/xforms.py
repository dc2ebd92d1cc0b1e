"""Print, as JSON, the canonical XForm of every workbook given: run by both pyxform versions, then compared.

    python tests/compat/xforms.py forms/*.xlsx > one.json

Attribute order and the version stamp do not count (C14N sorts attributes).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree.ElementTree import canonicalize

from pyxform.xls2xform import convert


def main() -> None:
    forms = {}
    for name in sys.argv[1:]:
        xform = convert(xlsform=name, validate=False, pretty_print=False).xform
        forms[Path(name).name] = canonicalize(re.sub(r'<\?xml[^>]*>|(?<=\s)(?:pyxform|version)="[^"]*"', "", xform))
    json.dump(forms, sys.stdout, ensure_ascii=False, indent=0, sort_keys=True)


main()
