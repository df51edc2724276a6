"""Puts the tables that a command prints into a Markdown page, between two lines that name it.

A test checks that the page still holds what the command prints.
"""

from pathlib import Path
from textwrap import fill
from time import gmtime, strftime

from benchmarks.recorded.runs_file import RecordedRun
from benchmarks.reporting.markdown import escaped
from runtime.errors import InputRefused
from runtime.system.atomic_files import write_file
from runtime.system.json_records import read_text

END = "<!-- end -->"
MAX_COLUMNS = 100


def begin_mark(command: str) -> str:
    """Returns the line before the part that `command` prints."""
    return f"<!-- printed by: {command} -->"


def write_into(page: Path, command: str, text: str) -> None:
    """Replaces that part of the page with `text`.

    Raises:
        InputRefused: the page has no such part, or several.
    """
    line = f"{begin_mark(command)}\n"
    before, *parts = read_text(page, "no such file").split(line)
    if len(parts) != 1 or END not in parts[0]:
        raise InputRefused(
            str(page),
            f"expected one line {begin_mark(command)!r} and after it {END!r}, found {len(parts)}",
        )
    write_file(page, before + line + text + parts[0][parts[0].index(END) :])


def run_notes(run: RecordedRun) -> str:
    """Returns two Markdown paragraphs: the command, and how far its figures can be trusted.

    The second names the date, machine and versions, the doubts, and what could not be measured.
    """
    machine = run.before.machine
    cores = f"{machine.cores_allowed} cores"
    names = (machine.board, machine.cpu_model, machine.system, cores)
    place = ", ".join(name for name in names if name)
    versions = ", ".join(f"{name} {version}" for name, version in run.before.versions.items())
    date = strftime("%Y-%m-%d", gmtime(run.before.at_s))
    sentences = [
        f"Measured {date} on {place}; {versions}.",
        *(f"Doubt: {doubt}." for doubt in run.doubts),
        *(f"Not measured: {name}: {reason}." for name, reason in run.failed.items()),
    ]
    command = "".join(part for part in run.command if part.isprintable() and part != "`")
    return "\n".join((f"`{command}`", "", *(wrapped(sentence) for sentence in sentences)))


def wrapped(text: str, indent: str = "") -> str:
    """Escapes a text for Markdown and wraps it at 100 columns; later lines are indented."""
    return fill(
        escaped(text),
        MAX_COLUMNS,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
