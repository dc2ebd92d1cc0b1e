"""An answer of any length is set: what nobody would read on paper is cut, and a failure of the library is one of the document."""

from __future__ import annotations

import pypdfium2
import pytest

from kobo_sync.documents.pdf import typeset
from kobo_sync.documents.pdf.typeset import pdf
from kobo_sync.errors import DocumentError

LETTERS = ("é", "a", "ا", "€", "😀", "a\u0301", "(", "\\")


@pytest.mark.parametrize("letter", LETTERS)
def test_a_text_of_64_kib_stops_no_document(letter: str) -> None:
    rows = [{"cells": ["x", letter * 65_535]}, {"cells": ["last", "line"]}]
    made = pdf("#for row in data.rows { for cell in row.cells [#cell ] }", {"rows": rows}, title="t")
    with pypdfium2.PdfDocument(made) as document:
        text = "".join(page.get_textpage().get_text_bounded() for page in document)
    assert "line" in text and len(text) < 20_000


def test_a_panic_of_the_library_is_a_failure_of_that_document(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def compiler(*_: object, **__: object) -> None:
        raise PanicException("end byte index 65535 is not a char boundary")

    monkeypatch.setattr(typeset.typst, "Compiler", compiler)
    with pytest.raises(DocumentError, match="'t' cannot be set: Typst itself failed"):
        pdf("#data.text", {"text": "x"}, title="t")
