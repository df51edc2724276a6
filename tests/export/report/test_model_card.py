"""The front matter holds what was measured, and hostile labels stay text."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from export.report.model_card import markdown_text, model_card, yaml_text
from workstation.run_folder import ImageRecord

HOSTILE = '"\n---\nlicense: mit\n<img src=x onerror=alert(1)> | `x` [a](b) \u2028\x85'


def front_matter(card: str) -> list[str]:
    """The lines between the two lines of three dashes that a card begins with."""
    lines = card.split("\n")
    assert lines[0] == "---"
    return lines[1 : lines.index("---", 1)]


def values(lines: list[str], key: str) -> list[Any]:
    """The JSON scalars behind a key."""
    scalars = [line.split(f"{key}: ", 1)[1] for line in lines if re.match(rf"[ -]*{key}: ", line)]
    return [json.loads(scalar) if scalar[0] in '"0123456789' else scalar for scalar in scalars]


def test_front_matter_has_the_accuracy_of_every_artifact_and_an_unknown_licence(
    exported: Path, records
) -> None:
    lines = front_matter((exported / "README.md").read_text())
    assert all(
        re.fullmatch(r"( *(- )?[a-z_-]+: ?\S.*| *(- )?[a-z_-]+:|- [a-z-]+)", line) for line in lines
    ), lines
    assert values(lines, "name") == [
        "cells",
        "cells",
        "accuracy, Keras model",
        *(f"accuracy, {file}" for file in records),
    ]
    keras = next(iter(records.values())).parity.reference_accuracy
    assert values(lines, "value") == pytest.approx(
        [keras, *(record.parity.candidate_accuracy for record in records.values())], abs=1e-6
    )
    assert values(lines, "type") == [
        "image-classification",
        "imagefolder",
        "accuracy",
        "accuracy",
        "accuracy",
    ]
    assert values(lines, "license") == ["unknown"]
    assert values(lines, "library_name") == ["litert"]


def test_body_has_size_drop_and_latency_of_every_artifact(exported: Path, opened, records) -> None:
    card = (exported / "README.md").read_text()
    for file, record in records.items():
        (row,) = [line for line in card.splitlines() if line.startswith(f"| {file} |")]
        assert f"| {record.parity.candidate_accuracy:.4f} |" in row
        assert f"| {record.size_bytes / 1e6:.2f} |" in row
        assert " ms |" in row
        assert row.count("|") == 8
    assert f": {next(iter(records.values())).parity.sample}." in card
    assert "ranges measured on" in card


def test_hostile_names_stay_in_their_place(opened, records, sets) -> None:
    images = tuple(ImageRecord("test", HOSTILE, f"{number}") for number in range(3))
    manifest = replace(
        opened.manifest, name=HOSTILE, labels=(HOSTILE, "b"), provenance={"data": f"/x/{HOSTILE}"}
    )
    for calibration_set in sets.values():
        calibration_set["doubts"] = [HOSTILE]
    card = model_card(replace(opened, manifest=manifest, images=images), records, sets)
    lines = front_matter(card)
    assert "license: mit" not in card.split("\n")
    assert values(lines, "name")[0] == HOSTILE
    body = card.split("\n---\n", 1)[1]
    assert not re.search(r"(?<!\\)<img", body)
    assert HOSTILE not in body


@pytest.mark.parametrize("text", ["plain", "null", "3", "é 猫 😀", HOSTILE, "\udcff", "\x00\x7f"])
def test_yaml_text_is_one_line_of_json_with_nothing_yaml_refuses(text: str) -> None:
    scalar = yaml_text(text)
    assert json.loads(scalar) == text
    assert len(scalar.splitlines()) == 1
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", scalar)


def test_markdown_text_is_one_line_without_active_characters() -> None:
    assert markdown_text("a|b\n*c*") == r"a\|b\\n\*c\*"
    assert not re.search(r"(?<!\\)[<>|`\[\]*_$]", markdown_text(HOSTILE))
