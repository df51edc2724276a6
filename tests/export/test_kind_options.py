"""The options that ask for a rung directly, and the combinations that make no sense."""

import argparse

import pytest

from export.kind import Kind
from export.kind_options import add_kind_options, chosen_epochs, chosen_kind
from runtime.errors import InputRefused


def given(precision: str, *words: str) -> argparse.Namespace:
    return parse("tflite", "--precision", precision, *words)


def parse(format_name: str, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_kind_options(parser, format_name)
    options = parser.parse_args(words)
    options.format = format_name
    return options


def test_onnx_has_options_of_its_own() -> None:
    assert chosen_kind(parse("onnx", "--io", "float", "--batch", "4")) == Kind("onnx", "fp32", io="float", batch=4)
    with pytest.raises(InputRefused, match="--ranges"):
        chosen_kind(parse("onnx", "--ranges", "percentile"))


@pytest.mark.parametrize(
    ("precision", "words", "kind"),
    [
        ("int8", "", Kind("tflite", "int8")),
        ("int8", "--equalize --ranges percentile", Kind("tflite", "int8", ranges="percentile", equalized=True)),
        ("mixed", "--float-layers a,b", Kind("tflite", "mixed", float_layers=("a", "b"))),
        ("int8", "--qat", Kind("tflite", "int8", qat=True)),
        ("int8", "--qat 3 --equalize", Kind("tflite", "int8", qat=True, equalized=True)),
        ("fp16", "", Kind("tflite", "fp16")),
    ],
)
def test_a_rung_can_be_asked_for(precision: str, words: str, kind: Kind) -> None:
    assert chosen_kind(given(precision, *words.split())) == kind


@pytest.mark.parametrize(
    ("precision", "words", "named"),
    [
        ("mixed", "", "--float-layers"),
        ("mixed", "--float-layers ,", "--float-layers"),
        ("int8", "--float-layers a", "--float-layers"),
        ("fp16", "--equalize", "--equalize"),
        ("dynamic", "--ranges percentile", "--ranges"),
        ("fp32", "--qat", "--qat"),
        ("int8", "--qat --ranges percentile", "--qat"),
    ],
)
def test_options_that_do_not_go_together_are_refused(precision: str, words: str, named: str) -> None:
    with pytest.raises(InputRefused, match=named):
        chosen_kind(given(precision, *words.split()))


def test_epochs_are_none_five_or_what_was_given() -> None:
    assert [chosen_epochs(given("int8", *words.split())) for words in ("", "--qat", "--qat 9")] == [0, 5, 9]
    with pytest.raises(InputRefused, match="at least 1"):
        chosen_epochs(given("int8", "--qat", "0"))


@pytest.mark.parametrize("words", ["--equalize", "--ranges percentile", "--float-layers a"])
def test_auto_takes_no_rung_from_the_command_line(words: str) -> None:
    with pytest.raises(InputRefused, match="by itself"):
        chosen_epochs(given("auto", *words.split()))
