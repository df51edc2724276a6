"""Tests what manifest.json may say; anything else is refused by name (FAULTS E17)."""

import json
from collections.abc import Callable

import pytest

from runtime.errors import InputRefused
from runtime.images.preprocessing import Preprocessing
from runtime.models.manifest import Artifact, Manifest

SHA = "0" * 64
GOOD = {
    "name": "cells",
    "labels": ["a", "b"],
    "preprocessing": {"height": 8, "width": 8, "fit": "crop"},
    "artifacts": [
        {"file": "model.int8.tflite", "format": "tflite", "precision": "int8", "sha256": SHA}
    ],
    "provenance": {"seed": 7},
    "schema": 2,
}


def read(data: object) -> Manifest:
    return Manifest.from_json(json.dumps(data), "here/manifest.json")


def changed(change: Callable[[dict], object]) -> dict:
    data = json.loads(json.dumps(GOOD))
    change(data)
    return data


def test_manifest_survives_writing_and_reading() -> None:
    labels = ("café noir", "cafe\u0301", "猫", "<b>x", "a=b", "line\nbreak", "x" * 1000)
    manifest = Manifest(
        "n",
        labels,
        Preprocessing(3, 4, "pad"),
        (Artifact("m.onnx", "onnx", "fp32", SHA),),
        {"seed": 7},
    )
    text = manifest.to_json()
    assert text.isascii()
    assert Manifest.from_json(text, "x") == manifest


def test_good_manifest_is_read() -> None:
    manifest = read(GOOD)
    assert manifest.labels == ("a", "b")
    assert manifest.artifacts[0].file == "model.int8.tflite"


@pytest.mark.parametrize(
    "field", ["name", "labels", "preprocessing", "artifacts", "provenance", "schema"]
)
def test_missing_field_is_refused_by_name(field: str) -> None:
    with pytest.raises(InputRefused, match=rf"here/manifest\.json: .*{field}"):
        read(changed(lambda data: data.pop(field)))


@pytest.mark.parametrize("field", ["file", "format", "precision", "sha256"])
def test_missing_artifact_field_is_refused_by_name(field: str) -> None:
    with pytest.raises(InputRefused, match=field):
        read(changed(lambda data: data["artifacts"][0].pop(field)))


@pytest.mark.parametrize("field", ["height", "width", "fit"])
def test_missing_preprocessing_field_is_refused_by_name(field: str) -> None:
    with pytest.raises(InputRefused, match=field):
        read(changed(lambda data: data["preprocessing"].pop(field)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"name": "cells"', '"name": "cells", "name": "other"'),
        ('"width": 8', '"width": 8, "width": 9'),
        ('"format": "tflite"', '"format": "tflite", "format": "tflite"'),
        ('"seed": 7', '"seed": 7, "seed": 8'),
    ],
)
def test_a_key_that_stands_twice_is_refused_at_every_level(before: str, after: str) -> None:
    text = json.dumps(GOOD)
    assert before in text
    with pytest.raises(InputRefused, match="stands twice in one object"):
        Manifest.from_json(text.replace(before, after), "here/manifest.json")


@pytest.mark.parametrize("text", ["a\0b", "x" * 1001, "x" * 100_000], ids=lambda text: text[:5])
def test_a_name_with_nul_or_without_end_is_refused_in_few_words(text: str) -> None:
    changes = (
        lambda data: data.update(name=text),
        lambda data: data["labels"].append(text),
        lambda data: data["artifacts"][0].update(file=text),
        lambda data: data["artifacts"][0].update(format=text),
        lambda data: data["artifacts"][0].update(precision=text),
        lambda data: data["artifacts"][0].update(sha256=text),
        lambda data: data.update(schema=text),
        lambda data: data["preprocessing"].update(width=text),
        lambda data: data["preprocessing"].update(fit=text),
        lambda data: data["preprocessing"].update(channels=text),
    )
    for change in changes:
        with pytest.raises(InputRefused) as refusal:
            read(changed(change))
        assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("format_name", ["onnx", "TFLITE", "banana", ".tflite", "int8.tflite"])
def test_a_format_that_is_not_the_suffix_is_refused(format_name: str) -> None:
    with pytest.raises(InputRefused, match="format to be the suffix of model.int8.tflite"):
        read(changed(lambda data: data["artifacts"][0].update(format=format_name)))


@pytest.mark.parametrize("precision", ["banana", "INT8", "int8 ", "int4"])
def test_an_unknown_precision_is_refused(precision: str) -> None:
    with pytest.raises(InputRefused, match="precision to be one of fp32, fp16, int8"):
        read(changed(lambda data: data["artifacts"][0].update(precision=precision)))


def test_unknown_field_is_refused_at_every_level() -> None:
    for change in (
        lambda data: data.update(surprise=1),
        lambda data: data["preprocessing"].update(surprise=1),
        lambda data: data["artifacts"][0].update(surprise=1),
    ):
        with pytest.raises(InputRefused, match="unknown field 'surprise'"):
            read(changed(change))


@pytest.mark.parametrize("wrong", [None, True, 5, 1.5, "", [], {}, [[]], {"a": 1}], ids=repr)
@pytest.mark.parametrize("field", ["name", "labels", "preprocessing", "schema"])
def test_field_of_another_type_is_refused(field: str, wrong: object) -> None:
    with pytest.raises(InputRefused, match=r"here/manifest\.json: not a usable manifest"):
        read(changed(lambda data: data.update({field: wrong})))


@pytest.mark.parametrize(
    "wrong", [None, True, 5, "", "x", {}, [None], [[]], ["model.tflite"], [{}]], ids=repr
)
def test_artifacts_of_another_type_are_refused(wrong: object) -> None:
    with pytest.raises(InputRefused):
        read(changed(lambda data: data.update(artifacts=wrong)))


@pytest.mark.parametrize("wrong", [None, 5, "x", []], ids=repr)
def test_provenance_of_another_type_is_refused(wrong: object) -> None:
    with pytest.raises(InputRefused, match="provenance"):
        read(changed(lambda data: data.update(provenance=wrong)))


@pytest.mark.parametrize("wrong", [None, 5, "", [], {}], ids=repr)
@pytest.mark.parametrize("field", ["file", "format", "precision", "sha256"])
def test_artifact_field_of_another_type_is_refused(field: str, wrong: object) -> None:
    with pytest.raises(InputRefused, match=field):
        read(changed(lambda data: data["artifacts"][0].update({field: wrong})))


@pytest.mark.parametrize(
    "file",
    [
        "../model.tflite",
        "/etc/passwd",
        "a/b.tflite",
        "..",
        ".hidden",
        "c:\\x",
        "a\\b",
        "a\0b",
        "a\n",
        "x" * 300,
        "~",
    ],
)
def test_artifact_file_that_is_not_a_plain_name_is_refused(file: str) -> None:
    with pytest.raises(InputRefused, match="plain file name"):
        read(changed(lambda data: data["artifacts"][0].update(file=file)))


@pytest.mark.parametrize("digest", ["0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n"])
def test_sha256_that_is_none_is_refused(digest: str) -> None:
    with pytest.raises(InputRefused, match="64 hex digits"):
        read(changed(lambda data: data["artifacts"][0].update(sha256=digest)))


def test_one_file_named_twice_is_refused() -> None:
    with pytest.raises(InputRefused, match="twice"):
        read(changed(lambda data: data["artifacts"].append(data["artifacts"][0])))


@pytest.mark.parametrize(
    "labels",
    [[], ["a", "a"], ["a", ""], ["a", "x" * 1001], ["a", 5], ["a", None], ["a", ["b"]], "ab"],
    ids=lambda x: str(x)[:20],
)
def test_labels_that_do_not_hold_up_are_refused(labels: object) -> None:
    with pytest.raises(InputRefused, match="label"):
        read(changed(lambda data: data.update(labels=labels)))


@pytest.mark.parametrize("side", [0, -1, 4097, 10**30, 8.0, "8", None, True, [8]], ids=repr)
def test_preprocessing_side_that_does_not_hold_up_is_refused(side: object) -> None:
    with pytest.raises(InputRefused, match="expected width from 1 to 4096"):
        read(changed(lambda data: data["preprocessing"].update(width=side)))


@pytest.mark.parametrize("fit", ["stretch", "CROP", None, 1, [], {}], ids=repr)
def test_unknown_fit_is_refused(fit: object) -> None:
    with pytest.raises(InputRefused, match="expected fit squash, crop or pad"):
        read(changed(lambda data: data["preprocessing"].update(fit=fit)))


@pytest.mark.parametrize("schema", [0, 3, "2", 2.0, 1.0, True, None], ids=repr)
def test_another_schema_is_refused(schema: object) -> None:
    with pytest.raises(InputRefused, match=r"expected schema 2, found .*another version of Quince"):
        read(changed(lambda data: data.update(schema=schema)))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "null", '"x"', "\0", '{"a": 1' + "0" * 5000 + "}", "[" * 100_000],
    ids=lambda text: text[:9],
)
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(InputRefused, match=r"here/manifest\.json: not a usable manifest"):
        Manifest.from_json(text, "here/manifest.json")
