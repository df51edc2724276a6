"""A SavedModel as files: whether a folder is one, what must not be in it, and its identity. Needs no TensorFlow."""

import hashlib
from pathlib import Path

from runtime.errors import InputRefused

GRAPH, VARIABLES, INDEX = "saved_model.pb", "variables", "variables.index"
MAX_GRAPH_BYTES = 2**29


def is_saved_model(path: Path) -> bool:
    """Whether `path` is a folder with a saved_model.pb."""
    return (path / GRAPH).is_file()


def check_saved_model_folder(path: Path) -> None:
    """Raises InputRefused for a SavedModel with files of its own for lookups, links, no variables, or a graph over 512 MB."""
    size = (path / GRAPH).stat().st_size
    if not 0 < size <= MAX_GRAPH_BYTES:
        raise InputRefused(str(path / GRAPH), f"{size} bytes; expected 1 to {MAX_GRAPH_BYTES}")
    if not (path / VARIABLES / INDEX).is_file():
        raise InputRefused(str(path), f"not a whole SavedModel (it has no {VARIABLES}/{INDEX})")
    for file in files(path):
        if file.is_symlink() or file.relative_to(path).parts[0] in ("assets", "assets.extra"):
            raise InputRefused(str(file), "a SavedModel of an image classifier needs no links and no assets; export it anew")


def files(path: Path) -> list[Path]:
    """Its files, and links to anything, in a stable order."""
    return sorted(file for file in path.rglob("*") if file.is_symlink() or file.is_file())


def digest_folder(path: Path) -> str:
    """One sha256 over the names and contents of its files."""
    whole = hashlib.sha256()
    for file in files(path):
        content = hashlib.sha256()
        with file.open("rb") as opened:
            while block := opened.read(2**20):
                content.update(block)
        whole.update(f"{file.relative_to(path)}\0{content.hexdigest()}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def variables_size(path: Path) -> int:
    """Bytes of its variables' data files."""
    return sum(file.stat().st_size for file in (path / VARIABLES).glob("variables.data-*"))
