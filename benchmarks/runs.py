"""A result of several runs in one JSON file, as docs/results.json and docs/peers.json are: each with its command, conditions and doubts."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import gmtime, strftime
from typing import Any

from benchmarks.conditions import Conditions, doubts_of
from benchmarks.latency_report import read_result
from benchmarks.table import escaped
from benchmarks.typed import expect_types
from runtime.atomic import write_file
from runtime.errors import InputRefused
from runtime.records import build, expect_list, expect_text


@dataclass(frozen=True)
class Run:
    """One run of `command`. results: objects, each of the kind of result this is. failed: what could not be measured, and why."""

    command: str
    before: Conditions
    after: Conditions
    doubts: tuple[str, ...]
    results: tuple[Any, ...]
    failed: Mapping[str, str]

    def __post_init__(self) -> None:
        expect_types(self, "run")
        expect_text(self, "command")

    @property
    def notes(self) -> str:
        """The command; when, where and with what it was measured, and what makes that doubtful: two paragraphs of Markdown."""
        machine = self.before.machine
        where = ", ".join(part for part in (machine.board, machine.cpu_model, machine.system, f"{machine.cores_allowed} cores") if part)
        versions = ", ".join(f"{name} {version}" for name, version in self.before.versions.items())
        parts = [
            f"Measured {strftime('%Y-%m-%d', gmtime(self.before.at_s))} on {where}; {versions}.",
            *(f"Doubt: {one}." for one in self.doubts),
            *(f"Not measured: {name}: {reason}." for name, reason in self.failed.items()),
        ]
        return "\n".join((f"`{_code(self.command)}`", "", *map(escaped, parts)))


def made_run(command: str, before: Conditions, after: Conditions, results: Sequence[Any], failed: Mapping[str, str]) -> Run:
    """A run that just ended; its doubts follow from the conditions."""
    return Run(command, before, after, tuple(doubts_of(before, after)), tuple(results), failed)


@dataclass(frozen=True)
class Kind:
    """A kind of such results: its verb, the number of its form, what makes a result of a JSON object, and the Markdown of runs."""

    name: str
    schema: int
    result: Callable[[Any], Any]
    table: Callable[[Sequence[Run]], str]


def read_runs(path: Path, kind: Kind) -> list[Run]:
    """The runs in `path`.

    Raises:
        InputRefused: not such a file, or one that does not hold up.
    """
    data = read_result(path, kind.name)
    try:
        if data.get("schema") != kind.schema:
            raise InputRefused(kind.name, f"expected schema {kind.schema}, found {data.get('schema')!r}")
        return [_run(one, kind.result) for one in expect_list("runs", data.get("runs"))]
    except InputRefused as refusal:
        raise InputRefused(str(path), f"not a usable result of {kind.name}: {refusal.reason}") from refusal


def write_run(path: Path, kind: Kind, run: Run, *, add: bool) -> None:
    """Writes the run to `path`, whole or not at all; with `add` beside the runs that are there, in the place of one of the same command.

    Raises:
        InputRefused: with `add`, what is there is no such result.
    """
    there = read_runs(path, kind) if add and path.exists() else []
    write_file(path, text_of(kind, [*(one for one in there if one.command != run.command), run]))


def text_of(kind: Kind, runs: Sequence[Run]) -> str:
    """JSON with a line for each run and each of its results: a change is seen, and thousands of samples are not thousands of lines."""
    parts = []
    for run in runs:
        data = asdict(run)
        results = ",\n".join(map(json.dumps, data.pop("results")))
        parts.append(f'{json.dumps(data)[:-1]}, "results": [\n{results}\n]}}')
    whole = ",\n".join(parts)
    return f'{{"kind": {json.dumps(kind.name)}, "schema": {kind.schema}, "runs": [\n{whole}\n]}}\n'


def _code(text: str) -> str:
    return "".join(part for part in text if part.isprintable() and part != "`")


def _run(data: Any, result: Callable[[Any], Any]) -> Run:
    if isinstance(data, dict):
        data = dict(data)
        data["before"], data["after"] = (Conditions.from_data(data.get(when)) for when in ("before", "after"))
        data["doubts"] = tuple(expect_list("doubts", data.get("doubts")))
        data["results"] = tuple(result(one) for one in expect_list("results", data.get("results")))
    return build(Run, data)
