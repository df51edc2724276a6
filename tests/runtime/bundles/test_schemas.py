"""Tests that the JSON Schemas in docs/reference accept and refuse what the code does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from runtime.errors import InputRefused
from runtime.models.manifest import Manifest

ROOT = Path(__file__).parents[3]
OLD = ROOT / "tests/data/bundle_schema_1"


def schema_of(name: str) -> dict[str, Any]:
    return json.loads((ROOT / f"docs/reference/{name}.schema.json").read_text())


def fits(schema: dict[str, Any], data: Any) -> bool:
    return Draft202012Validator(schema).is_valid(data)


def test_what_export_writes_fits(exported: Path) -> None:
    for file, name in (("manifest.json", "manifest"), ("golden/golden.json", "golden")):
        assert fits(schema_of(name), json.loads((exported / file).read_text()))


CHANGES: list[Callable[[dict], object]] = [
    lambda data: data.pop("schema"),
    lambda data: data.pop("labels"),
    lambda data: data["preprocessing"].pop("fit"),
    lambda data: data.update(schema=3),
    lambda data: data.update(surprise=1),
    lambda data: data.update(name="a\0b"),
    lambda data: data.update(name="x" * 100_000),
    lambda data: data.update(labels=[]),
    lambda data: data.update(labels=["one", "one"]),
    lambda data: data.update(labels=["one", 2]),
    lambda data: data.update(provenance=[]),
    lambda data: data["preprocessing"].update(width=0),
    lambda data: data["preprocessing"].update(fit="stretch"),
    lambda data: data["artifacts"][0].update(precision="banana"),
    lambda data: data["artifacts"][0].update(format="No Format"),
    lambda data: data["artifacts"][0].update(file="../model.tflite"),
    lambda data: data["artifacts"][0].update(sha256="0" * 63),
    lambda data: data["artifacts"][0].pop("format"),
    lambda data: data.update(confidence={"temperature": "hot"}),
]


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_what_the_code_refuses_does_not_fit(exported: Path, change: Callable) -> None:
    data = json.loads((exported / "manifest.json").read_text())
    change(data)
    with pytest.raises(InputRefused):
        Manifest.from_json(json.dumps(data), "manifest.json")
    assert not fits(schema_of("manifest"), data)
