"""Reads and writes JSON files of several runs, such as docs/results.json and docs/peers.json.

Each run is kept with its command, its conditions and its doubts.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.measurement.conditions import Conditions, doubts_of
from benchmarks.reporting.result_file import read_result
from runtime.errors import InputRefused, naming
from runtime.system.atomic_files import write_file
from runtime.system.json_records import expect_text, rename_nested
from runtime.system.typed_json import read_as


@dataclass(frozen=True)
class RecordedRun:
    """Holds one run of `command`.

    results: records of the type of result that the file holds.
    failed: why something could not be measured, by its name.
    """

    command: str
    before: Conditions
    after: Conditions
    doubts: tuple[str, ...]
    results: tuple[Any, ...]
    failed: Mapping[str, str]

    def __post_init__(self) -> None:
        expect_text(self, "command")


@dataclass(frozen=True)
class ResultType:
    """Describes one type of such files.

    name: its verb, and the "kind" of the file.
    schema: the version of its format.
    from_data, to_data: make a result of a JSON object and the other way round.
    table: returns the Markdown of runs.
    old_keys: those of the schema before, for `rename_nested`; it is still read.
    """

    name: str
    schema: int
    from_data: Callable[[Any], Any]
    to_data: Callable[[Any], dict[str, Any]]
    table: Callable[[Sequence[RecordedRun]], str]
    old_keys: Mapping[str, Mapping[str, str]]


def new_run(
    command: str,
    before: Conditions,
    after: Conditions,
    results: Sequence[Any],
    failed: Mapping[str, str],
) -> RecordedRun:
    """Returns a run that just ended, with the doubts that follow from its conditions."""
    doubts = tuple(doubts_of(before, after))
    return RecordedRun(command, before, after, doubts, tuple(results), failed)


def read_runs(path: Path, result_type: ResultType) -> list[RecordedRun]:
    """Reads the runs in `path`.

    Raises:
        InputRefused: not such a file, or its content is not valid.
    """
    data = read_result(path, result_type.name)
    with naming(path, f"not a usable result of {result_type.name}: {{}}"):
        schema = data.get("schema")
        if schema == result_type.schema - 1:
            data = rename_nested(data, result_type.old_keys)
        elif schema != result_type.schema:
            raise InputRefused(
                "schema", f"expected schema {result_type.schema}, found {str(schema)[:50]}"
            )
        runs: tuple[RecordedRun, ...] = read_as(tuple[RecordedRun, ...], data.get("runs"), "runs")
        return [
            replace(run, results=tuple(map(result_type.from_data, run.results))) for run in runs
        ]


def write_run(path: Path, result_type: ResultType, run: RecordedRun, *, add: bool) -> None:
    """Writes the run to `path`, whole or not at all.

    With `add`, runs that are in the file stay; only a run of the same command is replaced.

    Raises:
        InputRefused: with `add`, the file holds something else.
    """
    runs = read_runs(path, result_type) if add and path.exists() else []
    kept = [old for old in runs if old.command != run.command]
    write_file(path, _text([*kept, run], result_type))


def _text(runs: Sequence[RecordedRun], result_type: ResultType) -> str:
    """Returns JSON with a line for each run and each result, so that a diff shows what changed."""
    parts = []
    for run in runs:
        data = asdict(run)
        del data["results"]
        results = ",\n".join(json.dumps(result_type.to_data(result)) for result in run.results)
        parts.append(f'{json.dumps(data)[:-1]}, "results": [\n{results}\n]}}')
    head = f'{{"kind": {json.dumps(result_type.name)}, "schema": {result_type.schema}, "runs": [\n'
    return head + ",\n".join(parts) + "\n]}\n"
