"""Prints a result as text, or as one JSON object on a line."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from runtime.errors import QuinceError

JSON_SCHEMA = 4
"""The version of the JSON that commands print; it stands in every object."""


_printed = False


def has_printed() -> bool:
    """Whether `print_result` printed anything in this process."""
    return _printed


def print_result(result: Any, *, as_json: bool, text: Callable[[], str]) -> None:
    """Prints one result on standard output.

    Args:
        result: a dataclass or a mapping.
        as_json: prints its fields on one line, with the number `schema`.
        text: returns what is printed otherwise.
    """
    global _printed
    _printed = True
    if not as_json:
        print_line(text())
        return
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        fields = dataclasses.asdict(result)
    else:
        fields = dict(result)
    print_line(json.dumps({"schema": JSON_SCHEMA} | fields))


def print_line(text: str) -> None:
    """Prints a line whole: a signal may end the program between the two writes of `print`."""
    print(f"{text}\n", end="", flush=True)


def print_error(error: QuinceError) -> None:
    """Prints an error as an object for a program that reads JSON, unless it has got answers.

    People read the line on standard error.
    """
    if has_printed():
        return
    print_result({"error": error_fields(error), **error.details}, as_json=True, text=str)


def error_fields(error: QuinceError) -> dict[str, Any]:
    """Returns what a program needs to know of an error."""
    return {"thing": error.thing, "reason": error.reason, "exit_code": error.exit_code}
