"""Tests the metadata of TFLite files: TFLite Metadata, an appended labels file, Ultralytics."""

import json
from collections.abc import Callable
from pathlib import Path

import flatbuffers
import numpy as np
import pytest

from runtime import Classifier
from runtime.errors import InputRefused
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import Normalization

MakeModel = Callable[..., Path]
LABELS = ("red", "green", "blue")
UNIT = Normalization((0.0,), (255.0,))
MEANS = (1.0, 0.4, 0.0)
"""Of the fixture `colour` in 0..1."""


def probabilities(values) -> list[float]:
    powers = np.exp(np.array(values, np.float64))
    return [pytest.approx(value, abs=2e-3) for value in powers / powers.sum()]


def scores(path: Path, image, spec: ModelSpec) -> list[float]:
    answer = {
        prediction.label: prediction.score
        for prediction in Classifier(path, spec=spec).classify(image, top=50)
    }
    return [answer[label] for label in (spec.labels or LABELS)]


def described(
    schema,
    *,
    mean=(127.5,),
    std=(127.5,),
    labels: tuple[tuple[str, str | None], ...] = (("labels.txt", None),),
) -> bytes:
    """TFLite Metadata, written by MediaPipe's schema code."""
    options, unit, image, result, graph, model = (
        schema.NormalizationOptionsT(),
        schema.ProcessUnitT(),
        schema.TensorMetadataT(),
        schema.TensorMetadataT(),
        schema.SubGraphMetadataT(),
        schema.ModelMetadataT(),
    )
    options.mean, options.std = list(mean), list(std)
    unit.optionsType, unit.options = schema.ProcessUnitOptions.NormalizationOptions, options
    image.processUnits, result.associatedFiles = [unit], []
    for name, locale in labels:
        file = schema.AssociatedFileT()
        file.name, file.type, file.locale = (
            name.encode(),
            schema.AssociatedFileType.TENSOR_AXIS_LABELS,
            locale,
        )
        result.associatedFiles.append(file)
    graph.inputTensorMetadata, graph.outputTensorMetadata = [image], [result]
    model.subgraphMetadata = [graph]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"M001")
    return bytes(builder.Output())


def test_tflite_metadata_say_all_of_it(tflite_model: MakeModel, metadata_schema, colour) -> None:
    labels = {
        "de.txt": "rot\ngruen\nblau\n",
        "labels.txt": "red\ngreen\nblue\n",
        "other.txt": "x\n",
    }
    buffer = described(metadata_schema, labels=(("de.txt", "de"), ("labels.txt", None)))
    classifier = Classifier(tflite_model(metadata=buffer, tail=labels))
    assert classifier.labels == LABELS
    assert [prediction.score for prediction in classifier.classify(colour)] == probabilities(
        (1.0, -0.2, -1.0)
    )


def test_what_the_user_says_is_believed_before_the_metadata(
    tflite_model: MakeModel, metadata_schema, colour
) -> None:
    path = tflite_model(
        metadata=described(metadata_schema, std=(0.0,)), tail={"labels.txt": "x\n\nz\n"}
    )
    assert scores(path, colour, ModelSpec(LABELS, normalization=UNIT)) == probabilities(MEANS)


def test_normalization_of_the_metadata_is_not_for_uint8(
    tflite_model: MakeModel, metadata_schema, colour
) -> None:
    buffer = described(metadata_schema, mean=(0.0,), std=(1.0,))
    path = tflite_model(
        kind="uint8",
        quantized=(1 / 255, 0),
        metadata=buffer,
        tail={"labels.txt": "red\ngreen\nblue\n"},
    )
    assert [prediction.score for prediction in Classifier(path).classify(colour)] == probabilities(
        MEANS
    )


@pytest.mark.parametrize(
    "labels",
    [
        "0  red\n1  green\n2  blue\n",
        "\ufeffred\r\ngreen\r\nblue\r\n",
        "n00000001 red\nn00000002 green\nn00000003 blue",
    ],
)
def test_labels_file_alone_in_the_tail_is_enough_for_uint8(
    tflite_model: MakeModel, colour, labels: str
) -> None:
    path = tflite_model(kind="uint8", quantized=(1 / 255, 0), tail={"labels_of_it.txt": labels})
    assert Classifier(path).classify(colour)[0].label == "red"


def test_of_several_texts_none_is_taken_for_the_labels(tflite_model: MakeModel) -> None:
    path = tflite_model(
        kind="uint8", quantized=(1 / 255, 0), tail={"a.txt": "red\ngreen\nblue", "b.txt": "x\ny\nz"}
    )
    with pytest.raises(InputRefused, match="has no class names; give them with --labels FILE"):
        Classifier(path)


@pytest.mark.parametrize("count", [2, 4])
def test_another_count_of_labels_is_refused_with_both_numbers(
    tflite_model: MakeModel, count: int
) -> None:
    path = tflite_model(
        kind="uint8",
        quantized=(1 / 255, 0),
        tail={"labels.txt": "".join(f"class {n}\n" for n in range(count))},
    )
    with pytest.raises(
        InputRefused,
        match=rf"external\.tflite: labels\.txt: has {count} labels, but the model has 3 outputs",
    ):
        Classifier(path)


def test_names_that_stand_twice_are_told_apart(tflite_model: MakeModel, colour) -> None:
    """ImageNet has two cranes and two maillots."""
    path = tflite_model(
        kind="uint8", quantized=(1 / 255, 0), tail={"labels.txt": "crane\nmaillot\ncrane\n"}
    )
    assert [prediction.label for prediction in Classifier(path).classify(colour)] == [
        "crane (0)",
        "maillot",
        "crane (2)",
    ]


@pytest.mark.parametrize(
    "tail",
    [
        {
            "metadata.json": json.dumps(
                {
                    "task": "classify",
                    "names": {"0": "red", "1": "green", "2": "blue"},
                    "imgsz": [8, 8],
                }
            )
        },
        {
            "temp_meta.txt": str(
                {"task": "classify", "names": {0: "red", 1: "green", 2: "blue"}, "imgsz": [8, 8]}
            )
        },
    ],
    ids=lambda tail: next(iter(tail)),
)
def test_ultralytics_metadata_say_all_of_it(tflite_model: MakeModel, colour, tail) -> None:
    classifier = Classifier(tflite_model(tail=tail))
    assert (classifier.labels, classifier.preprocessing.fit) == (LABELS, "crop")
    assert [prediction.score for prediction in classifier.classify(colour)] == probabilities(MEANS)


def test_metadata_that_are_no_json_are_refused_by_the_files_name(tflite_model: MakeModel) -> None:
    with pytest.raises(
        InputRefused, match=r"external\.tflite: its metadata cannot be read: not valid JSON"
    ):
        Classifier(tflite_model(tail={"metadata.json": "{"}))


@pytest.mark.parametrize("std", [(0.0,), (1.0, 1.0, 1.0), (float("nan"),)], ids=str)
def test_normalization_that_cannot_be_meant_is_refused(
    tflite_model: MakeModel, metadata_schema, std
) -> None:
    path = tflite_model(
        metadata=described(metadata_schema, std=std), tail={"labels.txt": "red\ngreen\nblue\n"}
    )
    with pytest.raises(
        InputRefused,
        match=r"external\.tflite: the normalization in its TFLite Metadata is not usable: expected",
    ):
        Classifier(path)


def test_damaged_metadata_never_crash(tflite_model: MakeModel, metadata_schema) -> None:
    """Whatever bit of them flips: the file is refused or read, and labels are never made up."""
    buffer, generator = described(metadata_schema), np.random.default_rng(3)
    tail = {"labels.txt": "red\ngreen\nblue\n", "x.txt": ""}
    for _ in range(150):
        broken = bytearray(buffer)
        broken[int(generator.integers(len(broken)))] ^= 1 << int(generator.integers(8))
        try:
            path = tflite_model(
                kind="uint8", quantized=(1 / 255, 0), metadata=bytes(broken), tail=tail
            )
            assert Classifier(path, threads=1).labels == LABELS
        except InputRefused:
            pass
