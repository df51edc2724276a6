"""Lists the packages that run model files, and finds which of them are installed here."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from runtime.system.provenance import versions


@dataclass(frozen=True)
class InterpreterPackage:
    """One package that runs model files.

    name: for people. distribution: for pip. module: to import. suffix: of the files it runs.
    extra: of Quince, that installs it.
    """

    name: str
    distribution: str
    module: str
    suffix: str
    extra: str

    @property
    def installed(self) -> bool:
        """Whether the package is installed; it may still fail to load."""
        return find_spec(self.module.split(".")[0]) is not None


INTERPRETERS = (
    InterpreterPackage(
        "LiteRT", "ai-edge-litert", "ai_edge_litert.interpreter", ".tflite", "tflite"
    ),
    InterpreterPackage(
        "tflite-runtime",
        "tflite-runtime",
        "tflite_runtime.interpreter",
        ".tflite",
        "tflite-runtime",
    ),
    InterpreterPackage("ONNX Runtime", "onnxruntime", "onnxruntime", ".onnx", "onnx"),
)
"""In the order in which the runtime prefers them."""


def interpreters_of(suffix: str) -> Iterator[InterpreterPackage]:
    """Returns the interpreters of files with this suffix, the preferred one first."""
    return (interpreter for interpreter in INTERPRETERS if interpreter.suffix == suffix)


def interpreter_name(suffix: str) -> str:
    """Returns the name and version of the interpreter that runs such files here: LiteRT 2.3.0."""
    unknown = "of an unknown version"
    for interpreter in interpreters_of(suffix):
        if interpreter.installed:
            version = versions(interpreter.distribution).get(interpreter.distribution, unknown)
            return f"{interpreter.name} {version}"
    return f"{suffix} {unknown}"
