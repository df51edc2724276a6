"""Refuses a bundle that was not compared with the one that it would replace.

`export --against OLD` writes that comparison into the manifest, a row for each model file.
"""

from collections.abc import Mapping
from typing import Any

from runtime.bundles.bundle import Bundle
from runtime.errors import InputRefused

AGAINST, REPLACES = "against", "replaces"
"""The key of the rows in the manifest's provenance, and the one of the old bundles in a row."""
MAX_REPLACED = 64
"""Old bundles in a row, the newest first."""
MODEL = "model_sha256"


def identities(bundle: Bundle) -> tuple[str, ...]:
    """Returns the bundle's id, its trained model, and those of the bundles before it.

    A bundle that is compared with this one may replace them all: it is as good as this one, which
    is as good as them. So a device that missed an update can take the next one.
    """
    rows = [set(_replaced(bundle, artifact.file)) for artifact in bundle.exported()]
    before = set.intersection(*rows)
    first = _replaced(bundle, bundle.exported()[0].file)
    own = (bundle.id, _model(bundle))
    every = (*own, *(name for name in first if name in before))
    return tuple(dict.fromkeys(filter(None, every)))[:MAX_REPLACED]


def refuse_uncompared(new: Bundle, current: Bundle) -> None:
    """Raises InputRefused unless each model file was compared with the bundle in use.

    Files of the same trained model need no comparison: each passed the gate against that model.
    """
    known = {current.id, _model(current)} - {""}
    if known & {new.id, _model(new)}:
        return
    for artifact in new.exported():
        if not known & set(_replaced(new, artifact.file)):
            raise InputRefused(
                str(new.path),
                f"{artifact.file} was not compared with the bundle in use, {current.id}; export it"
                " with --against and that bundle, or install it with --allow-uncompared",
            )


def _model(bundle: Bundle) -> str:
    model = bundle.manifest.provenance.get(MODEL)
    return model if isinstance(model, str) else ""


def _replaced(bundle: Bundle, file: str) -> list[str]:
    """Returns what the row of a model file names; a manifest from elsewhere may hold anything."""
    row: Any = bundle.manifest.provenance.get(AGAINST)
    for key in (file, REPLACES):
        row = row.get(key) if isinstance(row, Mapping) else None
    return [name for name in row if isinstance(name, str)] if isinstance(row, list) else []
