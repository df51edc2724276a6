"""Finds the files that Hugging Face's tools put beside a model.

`optimum-cli export onnx` writes both into the model's folder. In repositories for transformers.js
they lie one folder higher than `onnx/model.onnx`.
"""

from pathlib import Path
from typing import NamedTuple

CONFIG, PROCESSOR = "config.json", "preprocessor_config.json"
ONNX_FOLDER = "onnx"


class FilesBeside(NamedTuple):
    """Names both files; at least one of them exists."""

    config: Path
    processor: Path


def find_files_beside(path: Path) -> FilesBeside | None:
    """Returns the files that belong to the model at `path`; None if there are none."""
    folders = [path.parent]
    if path.parent.resolve().name == ONNX_FOLDER:
        folders.append(path.parent / "..")
    for folder in folders:
        files = FilesBeside(folder / CONFIG, folder / PROCESSOR)
        if any(file.is_file() for file in files):
            return files
    return None
