"""Runs a classifier that Quince exported: numpy, pillow and one interpreter, never TensorFlow."""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.bundle import Bundle
    from runtime.classifier import Classifier, Prediction
    from runtime.foreign import Foreign
    from runtime.preprocess import Preprocessing, preprocess

__all__ = ["Bundle", "Classifier", "Foreign", "Prediction", "Preprocessing", "preprocess"]

_HOMES = {
    "Bundle": "runtime.bundle",
    "Classifier": "runtime.classifier",
    "Foreign": "runtime.foreign",
    "Prediction": "runtime.classifier",
    "Preprocessing": "runtime.preprocess",
    "preprocess": "runtime.preprocess",
}


def __getattr__(name: str) -> Any:
    """The public names, imported when asked for (PEP 562): `__main__` is to begin before numpy is imported, so that Ctrl-C ends it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


class _Package(ModuleType):
    """Importing the module `runtime.preprocess` sets it as an attribute here: `preprocess` stays the function."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, getattr(value, name) if name == "preprocess" and isinstance(value, ModuleType) else value)


sys.modules[__name__].__class__ = _Package
