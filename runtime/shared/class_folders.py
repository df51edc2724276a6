"""Finds the class folders of an image folder, each named as a label of the model."""

import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from runtime.errors import InputRefused
from runtime.sources.paths import subfolders

MAX_LABELS_SHOWN = 10


def class_folders(folder: Path, labels: Sequence[str]) -> list[tuple[str, Path]]:
    """Returns the label and the folder of each class in `folder`, at least one.

    Names are compared in Unicode's composed form.

    Raises:
        InputRefused: there is no such folder, a folder in it is no label, or it has none.
        MachineError: this user may not list it.
    """
    if not folder.is_dir():
        raise InputRefused(str(folder), "not a folder" if folder.exists() else "no such folder")
    by_name = {_composed(label): label for label in labels}
    classes = []
    for inner in subfolders(folder):
        name = _composed(inner.name)
        if name not in by_name:
            raise InputRefused(
                str(inner), f"the model has no class '{name}'; {_hint(inner, name, by_name)}"
            )
        classes.append((by_name[name], inner))
    if not classes:
        raise InputRefused(
            str(folder), f"expected a folder of images for each class, such as {labels[0]}/1.jpg"
        )
    return classes


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _hint(folder: Path, name: str, by_name: dict[str, str]) -> str:
    if any(_composed(inner.name) in by_name for inner in subfolders(folder)):
        return "give the folder that holds the class folders"
    if near := get_close_matches(name, by_name, n=1, cutoff=0.75):
        return f"did you mean '{by_name[near[0]]}'?"
    labels = list(by_name.values())
    shown = ", ".join(labels[:MAX_LABELS_SHOWN])
    if len(labels) > MAX_LABELS_SHOWN:
        shown += f" and {len(labels) - MAX_LABELS_SHOWN} more"
    return f"it has {shown}"
