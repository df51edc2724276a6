"""Lists the quantizers that ours is compared with: one script in adapters/ and one row each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.environments import installed_environment
from benchmarks.peers.process import make_file
from benchmarks.peers.registry import LITERT, ONNX

FOLDER = Path(__file__).parent / "adapters"
ONNX_FILES = ("onnx>=1.23,<1.24", ONNX)
AI_EDGE = ("ai-edge-quantizer>=0.10,<0.11", LITERT)
TORCH = (
    "ultralytics>=8.4,<8.5",
    "torch>=2.9,<2.15",
    "torchvision>=0.24,<0.30",
    "litert-torch>=0.10,<0.11",
    "onnx2torch>=1.5,<1.6",
    *AI_EDGE,
    *ONNX_FILES,
)


@dataclass(frozen=True)
class Library:
    """Describes a quantizer.

    script: its file in adapters/. requirements: what pip installs for it.
    source, target: the suffixes of the float file that it takes and of the file that it makes.
    option: is handed to the script.
    """

    script: str
    requirements: tuple[str, ...]
    source: str
    target: str
    option: str = ""


LIBRARIES = {
    "ai-edge-quantizer": Library(
        "ai_edge_quantizer", AI_EDGE, ".tflite", ".tflite", "MIN_MAX_UNIFORM_QUANT"
    ),
    "ai-edge-quantizer, MSE": Library("ai_edge_quantizer", AI_EDGE, ".tflite", ".tflite", "MSE"),
    "Ultralytics, LiteRT": Library("ultralytics", TORCH, ".onnx", ".tflite"),
    "onnxruntime": Library("onnxruntime", ONNX_FILES, ".onnx", ".onnx"),
    "NNCF": Library("nncf", ("nncf>=3.4,<3.5", *ONNX_FILES), ".onnx", ".onnx"),
    "Ultralytics, ONNX": Library("ultralytics", TORCH, ".onnx", ".onnx"),
}
"""GPTQ of ai-edge-quantizer 0.10 takes fully connected layers only, so it is not here."""


def quantize_with(
    library: Library, source: Path, images: Path, target: Path, pythons: Mapping[str, Path]
) -> float:
    """Writes `target` and returns the seconds of processor time that it took.

    Args:
        library: which one.
        source: the float file, with pixels 0..255 as its input.
        images: an `.npy` file of the representative dataset.
        target: the file to write.
        pythons: interpreters to use instead of installing an environment, by script.

    Raises:
        MachineError: the library cannot be installed, or it fails.
    """
    environment = installed_environment(
        f"quantizer-{library.script}",
        (*library.requirements, "numpy>=2,<3"),
        python=pythons.get(library.script),
    )
    script = FOLDER / f"{library.script}.py"
    words = (script, source, images, target, library.option)
    printed = make_file(library.script, environment, target, FOLDER / "main.py", *words)
    return float(printed.splitlines()[-1])
