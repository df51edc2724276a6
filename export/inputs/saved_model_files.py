"""Checks the files of a SavedModel without TensorFlow, and gives the folder an identity."""

import hashlib
from pathlib import Path

from runtime.errors import InputRefused

GRAPH, VARIABLES, INDEX = "saved_model.pb", "variables", "variables.index"
MAX_GRAPH_BYTES = 2**29
BLOCK_BYTES = 2**20


def is_saved_model(path: Path) -> bool:
    """Whether `path` is a folder with a saved_model.pb."""
    return (path / GRAPH).is_file()


def check_saved_model_folder(path: Path) -> None:
    """Checks that the folder holds a graph, variables, and nothing that lies elsewhere.

    Raises:
        InputRefused: the graph is over 512 MB, there are no variables, or there are links or
            assets.
    """
    size = (path / GRAPH).stat().st_size
    if not 0 < size <= MAX_GRAPH_BYTES:
        raise InputRefused(
            str(path / GRAPH), f"expected 1 to {MAX_GRAPH_BYTES} bytes, found {size}"
        )
    if not (path / VARIABLES / INDEX).is_file():
        raise InputRefused(str(path), f"not a whole SavedModel (it has no {VARIABLES}/{INDEX})")
    for file in files(path):
        if file.is_symlink() or file.relative_to(path).parts[0] in ("assets", "assets.extra"):
            raise InputRefused(
                str(file),
                "the SavedModel of an image classifier needs no links and no assets; export it"
                " again",
            )


def files(path: Path) -> list[Path]:
    """Returns the files of the folder, and links to anything, in a stable order."""
    return sorted(file for file in path.rglob("*") if file.is_symlink() or file.is_file())


def digest_folder(path: Path) -> str:
    """Returns one SHA-256 over the names and contents of the files."""
    whole = hashlib.sha256()
    for file in files(path):
        content = hashlib.sha256()
        with file.open("rb") as opened:
            while block := opened.read(BLOCK_BYTES):
                content.update(block)
        line = f"{file.relative_to(path)}\0{content.hexdigest()}\n"
        whole.update(line.encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def variables_size(path: Path) -> int:
    """Returns how many bytes the variables' data files have."""
    return sum(file.stat().st_size for file in (path / VARIABLES).glob("variables.data-*"))
