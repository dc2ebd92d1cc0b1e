"""How ODK Central says no: the codes of its `util/problem.js`, and how it writes moments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


class Problem(Exception):
    """An answer that is an error; *code* 500 has no code in its JSON, as a bug of the real server."""

    def __init__(self, code: float, message: str, details: Json | None = None):
        super().__init__(message)
        self.code, self.message, self.details = code, message, details

    @property
    def status(self) -> int:
        return int(self.code)

    def json(self) -> Json:
        if self.code == 500:
            return {"message": self.message}
        return {"message": self.message, "code": self.code} | ({"details": self.details} if self.details else {})


def not_found() -> Problem:
    return Problem(404.1, "Could not find the resource you were looking for.")


def no_right() -> Problem:
    return Problem(403.1, "The authentication you provided does not have rights to perform that action.")


def not_signed_in() -> Problem:
    return Problem(401.2, "Could not authenticate with the provided credentials.")


def broken() -> Problem:
    return Problem(500, "Internal Server Error")


def unexpected(name: str, value: Any, reason: str) -> Problem:
    details = {"field": name, "value": value, "reason": reason}
    if value is None:  # JSON leaves out what is not there
        value = "undefined"
        del details["value"]
    return Problem(400.8, f"Unexpected {name} value {value}; {reason}", details)


def wrong_type(name: str, expected: str) -> Problem:
    details = {"field": name, "expected": expected}
    return Problem(400.11, f"Invalid input data type: expected ({name}) to be ({expected})", details)


def exists_already(fields: list[str], values: list[str], table: str) -> Problem:
    message = f"A resource already exists with {','.join(fields)} value(s) of {','.join(values)}."
    return Problem(409.3, message, {"fields": fields, "values": values, "table": table})


def shown(moment: datetime | None) -> str | None:
    return moment and moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
