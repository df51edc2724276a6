"""The command in the report can be typed again, and names no folder of this machine."""

import shlex

import pytest

from runtime.command import command_line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tflite", "runs/fruit", "--precision", "int8"], "tflite runs/fruit --precision int8"),
        (["onnx", "/home/ann/runs/fruit", "-o", "/srv/b", "--json", "--overwrite"], "onnx fruit -o b"),
        (["all", "runs/f", "--data=/home/ann/pictures", "--max-drop=0.2"], "all runs/f --data=pictures --max-drop=0.2"),
    ],
)
def test_command(words: list[str], told: str) -> None:
    assert command_line("export", words) == f"python -m export {told}"


def test_names_with_spaces_and_quotes_survive_the_shell() -> None:
    assert shlex.split(command_line("export", ["tflite", "it's $HOME; rm"]))[4] == "it's $HOME; rm"
