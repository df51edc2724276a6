"""Tests that outputs are what docs/reference/outputs.schema.json states.

The fixture `run_cli` checks each line that any test gets with --json. These tests ask for the
outputs that no other one asks for. Those of `bench` check the files that it writes.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import ValidationError

SCHEMA = Path(__file__).parents[1] / "docs/reference/outputs.schema.json"
TYPES = {str: "string", int: "integer"}


def printed(done) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_export_and_a_refused_image(run_cli, trained: Path, exported: Path, tmp_path: Path) -> None:
    words = ("--precision", "dynamic", "--min-agreement", "0.8", "--max-drop", "0.2", "--json")
    done = run_cli("export", "tflite", trained, "-o", tmp_path / "bundle", *words)
    (result,) = printed(done)
    assert result["artifact"] == "model.dynamic.tflite"
    (tmp_path / "broken.png").write_text("none")
    done = run_cli("runtime", "predict", exported, tmp_path / "broken.png", "--json")
    assert "error" in printed(done)[0]


def test_run_that_is_there_already(run_cli, trained: Path, cells: Path, small_training) -> None:
    (result,) = printed(run_cli("train", cells, "-o", trained, *small_training, "--json"))
    assert result["reused"] is True


def test_schema_refuses_a_field_too_many_one_too_few_and_another_type(
    run_cli, fits_schema, exported: Path
) -> None:
    (record, *_) = printed(run_cli("runtime", "verify", exported, "--json"))
    for change in ({"more": 1}, {"images": "16"}, {"schema": 1}):
        with pytest.raises(ValidationError):
            fits_schema("run verify", record | change)
    del record["differences"]
    with pytest.raises(ValidationError):
        fits_schema("run verify", record)


def properties(schema: Any, holder: str = "") -> Iterator[tuple[str, Any, str]]:
    """Yields each property at any depth: its name, its schema, and the command or record."""
    parts = schema.items() if isinstance(schema, dict) else ()
    for key, part in parts:
        if key == "properties":
            yield from ((name, of_name, holder) for name, of_name in part.items())
        yield from properties(part, holder or key.removeprefix("$defs"))
    for part in schema if isinstance(schema, list) else ():
        yield from properties(part, holder)


def type_only(schema: Any) -> Any:
    """Returns a schema that does not tell values of one type apart, nor whether null may stand."""
    if isinstance(schema, list):
        return [type_only(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if values := schema.get("enum", [schema[key] for key in schema if key == "const"]):
        return {"type": " or ".join(sorted({TYPES[type(value)] for value in values}))}
    options = [type_only(part) for part in schema.get("anyOf", ()) if part != {"type": "null"}]
    if options:
        return options[0] if options.count(options[0]) == len(options) else {"anyOf": options}
    return {key: type_only(part) for key, part in schema.items()}


def test_each_key_has_one_type_in_all_outputs() -> None:
    types: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for key, schema, holder in properties(json.loads(SCHEMA.read_text())):
        types[key][json.dumps(type_only(schema), sort_keys=True)].add(holder)
    assert len(types) > 300
    assert not {key: dict(uses) for key, uses in types.items() if len(uses) > 1}
