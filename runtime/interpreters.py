"""The packages that run model files: what they are called, and which of them are installed here."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

from runtime.provenance import versions


@dataclass(frozen=True)
class Interpreter:
    """A package: its name, its distribution, the module to import, the suffix of the files it runs, the extra that installs it."""

    name: str
    distribution: str
    module: str
    suffix: str
    extra: str

    @property
    def installed(self) -> bool:
        """Whether it is there; it may still fail to load."""
        return find_spec(self.module.split(".")[0]) is not None


INTERPRETERS = (
    Interpreter("LiteRT", "ai-edge-litert", "ai_edge_litert.interpreter", ".tflite", "tflite"),
    Interpreter("tflite-runtime", "tflite-runtime", "tflite_runtime.interpreter", ".tflite", "tflite-runtime"),
    Interpreter("ONNX Runtime", "onnxruntime", "onnxruntime", ".onnx", "onnx"),
)
"""In the order in which the runtime takes them for a file."""


def interpreters_of(suffix: str) -> Iterator[Interpreter]:
    """Those for files that end so, the one to prefer first."""
    return (one for one in INTERPRETERS if one.suffix == suffix)


def interpreter_name(suffix: str) -> str:
    """As "LiteRT 2.3.0": what runs such files here."""
    for one in interpreters_of(suffix):
        if one.installed:
            return f"{one.name} {versions(one.distribution).get(one.distribution, 'of an unknown version')}"
    return f"{suffix} of an unknown version"
