"""The command in the report can be typed again, and names no folder of this machine."""

import shlex

import pytest

from runtime.shared.rerun_command import rerun_command


@pytest.mark.parametrize(
    ("words", "repeated"),
    [
        (["tflite", "runs/fruit", "--precision", "int8"], "tflite runs/fruit --precision int8"),
        (
            ["onnx", "/home/ann/runs/fruit", "-o", "/srv/b", "--json", "--overwrite"],
            "onnx fruit -o b",
        ),
        (
            ["all", "runs/f", "--data=/home/ann/images", "--max-drop=0.2"],
            "all runs/f --data=images --max-drop=0.2",
        ),
    ],
)
def test_command(words: list[str], repeated: str) -> None:
    assert rerun_command("export", words) == f"python -m export {repeated}"


def test_names_with_spaces_and_quotes_survive_the_shell() -> None:
    assert shlex.split(rerun_command("export", ["tflite", "it's $HOME; rm"]))[4] == "it's $HOME; rm"
