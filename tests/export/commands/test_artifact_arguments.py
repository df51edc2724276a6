"""The options that choose a model file, and the combinations that make no sense."""

import argparse

import pytest

from export.commands.artifact_arguments import (
    add_artifact_arguments,
    chosen_artifact_spec,
    chosen_epochs,
    require_plain_auto,
)
from export.formats.artifact_spec import ArtifactSpec
from runtime.errors import InputRefused


def parse(format_name: str, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_artifact_arguments(parser, format_name)
    options = parser.parse_args(words)
    options.format = format_name
    return options


def test_onnx_has_options_of_its_own() -> None:
    assert chosen_artifact_spec(parse("onnx", "--io", "float", "--batch", "4")) == ArtifactSpec(
        "onnx", "fp32", io="float", batch=4
    )
    with pytest.raises(InputRefused, match="--ranges"):
        chosen_artifact_spec(parse("onnx", "--ranges", "percentile"))
    mixed = chosen_artifact_spec(parse("onnx", "--precision", "mixed", "--float-layers", "/a,/b"))
    assert mixed == ArtifactSpec("onnx", "mixed", float_layers=("/a", "/b"))
    equalized = chosen_artifact_spec(parse("onnx", "--precision", "int8", "--equalize"))
    assert equalized == ArtifactSpec("onnx", "int8", equalized=True)


@pytest.mark.parametrize(
    ("precision", "words", "spec"),
    [
        ("int8", "", ArtifactSpec("tflite", "int8")),
        (
            "int8",
            "--equalize --ranges percentile",
            ArtifactSpec("tflite", "int8", ranges="percentile", equalized=True),
        ),
        ("mixed", "--float-layers a,b", ArtifactSpec("tflite", "mixed", float_layers=("a", "b"))),
        ("int8", "--qat", ArtifactSpec("tflite", "int8", qat=True)),
        ("int8", "--qat 3 --equalize", ArtifactSpec("tflite", "int8", qat=True, equalized=True)),
        ("fp16", "", ArtifactSpec("tflite", "fp16")),
    ],
)
def test_every_attempt_of_auto_has_options_of_its_own(
    precision: str, words: str, spec: ArtifactSpec
) -> None:
    assert chosen_artifact_spec(parse("tflite", "--precision", precision, *words.split())) == spec


@pytest.mark.parametrize(
    ("precision", "words", "named"),
    [
        ("mixed", "", "--float-layers"),
        ("mixed", "--float-layers ,", "--float-layers"),
        ("int8", "--float-layers a", "--float-layers"),
        ("fp16", "--equalize", "--equalize"),
        ("int8", "--prefer speed", "--prefer"),
        ("dynamic", "--ranges percentile", "--ranges"),
        ("fp32", "--qat", "--qat"),
        ("int8", "--qat --ranges percentile", "--qat"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    precision: str, words: str, named: str
) -> None:
    with pytest.raises(InputRefused, match=named):
        chosen_artifact_spec(parse("tflite", "--precision", precision, *words.split()))


def test_epochs_are_none_five_or_what_was_given() -> None:
    for words, epochs in (([], 0), (["--qat"], 5), (["--qat", "9"], 9)):
        assert chosen_epochs(parse("tflite", *words)) == epochs
    with pytest.raises(InputRefused, match="from 1 to 10000"):
        chosen_epochs(parse("tflite", "--qat", "0"))


@pytest.mark.parametrize("words", ["--equalize", "--ranges percentile", "--float-layers a"])
def test_auto_refuses_what_it_chooses_itself(words: str) -> None:
    with pytest.raises(InputRefused, match="by itself"):
        require_plain_auto(parse("tflite", "--precision", "auto", *words.split()))


def test_fine_tuning_is_for_tflite_only(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("onnx", "--precision", "int8", "--qat")
    assert ended.value.code == 2
    assert "--qat" in capsys.readouterr().err
