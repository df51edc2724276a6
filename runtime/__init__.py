"""Runs a classifier that Quince exported, with numpy, Pillow and one interpreter."""

TYPE_CHECKING = False  # that of typing, which would be a third of the time until `handle_signals`
if TYPE_CHECKING:
    from runtime.answer import Answer, Prediction
    from runtime.bundles.bundle import Bundle
    from runtime.classifier import Classifier
    from runtime.explanation.explainer import Explanation, explain
    from runtime.images.preprocessing import Preprocessing, preprocess
    from runtime.models.model_spec import ModelSpec

__all__ = [
    "Answer",
    "Bundle",
    "Classifier",
    "Explanation",
    "ModelSpec",
    "Prediction",
    "Preprocessing",
    "explain",
    "preprocess",
]

_MODULES = {
    "Answer": "runtime.answer",
    "Bundle": "runtime.bundles.bundle",
    "Classifier": "runtime.classifier",
    "Explanation": "runtime.explanation.explainer",
    "ModelSpec": "runtime.models.model_spec",
    "Prediction": "runtime.answer",
    "Preprocessing": "runtime.images.preprocessing",
    "explain": "runtime.explanation.explainer",
    "preprocess": "runtime.images.preprocessing",
}


def __getattr__(name: str) -> object:
    """Imports a public name when it is used (PEP 562).

    Python imports this package before `__main__`, which handles Ctrl-C before numpy is imported.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_MODULES[name]), name)
