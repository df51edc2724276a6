"""A part of a Markdown page that a command prints, between two lines that name it: a test sees that it still is what the command prints."""

from pathlib import Path

from runtime.atomic import write_file
from runtime.errors import InputRefused
from runtime.records import read_text

END = "<!-- end -->"


def begin(command: str) -> str:
    """The line before the part that `command` prints."""
    return f"<!-- printed by: {command} -->"


def written(page: Path, command: str) -> str:
    """That part of the page.

    Raises:
        InputRefused: the page has none, or more than one.
    """
    return _parts(page, command)[1]


def write_into(page: Path, command: str, text: str) -> None:
    """Puts `text` in the place of that part.

    Raises:
        InputRefused: the page has none, or more than one.
    """
    before, _, after = _parts(page, command)
    write_file(page, before + text + after)


def _parts(page: Path, command: str) -> tuple[str, str, str]:
    line = f"{begin(command)}\n"
    text = read_text(page, "no such file")
    if text.count(line) != 1 or END not in text[text.index(line) :]:
        raise InputRefused(str(page), f"expected one line {begin(command)!r} and after it {END!r}, found {text.count(line)}")
    start = text.index(line) + len(line)
    end = text.index(END, start)
    return text[:start], text[start:end], text[end:]
