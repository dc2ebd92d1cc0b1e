"""What is erased of a row: the answers that are named, whatever their questions are called, and nothing of the server's."""

from __future__ import annotations

import json

from kobo_sync.store.erasure import names_in, redacted

ROW = {"_id": 1, "_uuid": "u", "_submission_time": "t", "_xform_id_string": "f", "__version__": "v", "_status": "s"}


def test_answers_to_questions_that_begin_with_an_underscore_are_erased_too() -> None:
    answers = {"_nom": "Z", "g/_tel": "0", "_membre": [{"_membre/_nom": "A", "_membre/age": "3"}], "age": "4"}
    content, n = redacted(json.dumps({**ROW, **answers}).encode(), names_in({"_nom", "_tel"}))
    assert n == 3
    assert json.loads(content) == {**ROW, "_membre": [{"_membre/age": "3"}], "age": "4"}


def test_all_answers_may_go_and_the_servers_fields_stay() -> None:
    content, n = redacted(json.dumps({**ROW, "_nom": "Z", "nom": "Z"}).encode(), lambda _name: True)
    assert n == 2 and json.loads(content) == ROW
