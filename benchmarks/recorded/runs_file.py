"""Reads and writes JSON files of several runs, such as docs/results.json and docs/peers.json.

Each run is kept with its command, its conditions and its doubts.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measurement.conditions import Conditions, doubts_of
from benchmarks.measurement.type_checks import expect_types
from benchmarks.reporting.result_file import read_result
from runtime.errors import InputRefused
from runtime.system.atomic_files import write_file
from runtime.system.json_records import expect_list, expect_text, from_json_object


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
        expect_types(self, "run")
        expect_text(self, "command")


@dataclass(frozen=True)
class ResultType:
    """Describes one type of such files.

    name: its verb, and the "kind" of the file.
    schema: the version of its format.
    from_data, to_data: make a result of a JSON object and the other way round.
    table: returns the Markdown of runs.
    """

    name: str
    schema: int
    from_data: Callable[[Any], Any]
    to_data: Callable[[Any], dict[str, Any]]
    table: Callable[[Sequence[RecordedRun]], str]


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
    try:
        schema = data.get("schema")
        if schema != result_type.schema:
            raise InputRefused(
                result_type.name, f"expected schema {result_type.schema}, found {str(schema)[:50]}"
            )
        return [_run(run, result_type) for run in expect_list("runs", data.get("runs"))]
    except InputRefused as refusal:
        reason = f"not a usable result of {result_type.name}: {refusal.reason}"
        raise InputRefused(str(path), reason) from refusal


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


def _run(data: Any, result_type: ResultType) -> RecordedRun:
    if isinstance(data, dict):
        results = expect_list("results", data.get("results"))
        data = {
            **data,
            "before": Conditions.from_data(data.get("before")),
            "after": Conditions.from_data(data.get("after")),
            "doubts": tuple(expect_list("doubts", data.get("doubts"))),
            "results": tuple(map(result_type.from_data, results)),
        }
    return from_json_object(RecordedRun, data)
