"""A folder of pictures whose classes a model knows: a folder for each, named as its label."""

import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from runtime.errors import InputRefused
from runtime.sources.files import subfolders

MOST_NAMED = 10


def class_folders(folder: Path, labels: Sequence[str]) -> list[tuple[str, Path]]:
    """The label and the folder of each class that `folder` has, at least one; names are compared in Unicode's composed form.

    Raises:
        InputRefused: no such folder, one of its folders is no label, or it has none.
        MachineError: this user may not list it.
    """
    if not folder.is_dir():
        raise InputRefused(str(folder), "not a folder" if folder.exists() else "no such folder")
    by_name = {_composed(label): label for label in labels}
    found = []
    for inner in subfolders(folder):
        name = _composed(inner.name)
        if name not in by_name:
            raise InputRefused(str(inner), f"the model knows no class '{name}'; {_hint(inner, name, by_name)}")
        found.append((by_name[name], inner))
    if not found:
        raise InputRefused(str(folder), f"expected a folder of pictures for each class, such as {labels[0]}/1.jpg")
    return found


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _hint(folder: Path, name: str, by_name: dict[str, str]) -> str:
    if any(_composed(inner.name) in by_name for inner in subfolders(folder)):
        return "give the folder that holds the class folders"
    if near := get_close_matches(name, by_name, n=1, cutoff=0.75):
        return f"did you mean '{by_name[near[0]]}'?"
    labels = list(by_name.values())
    more = f" and {len(labels) - MOST_NAMED} more" if len(labels) > MOST_NAMED else ""
    return f"it knows {', '.join(labels[:MOST_NAMED])}{more}"
