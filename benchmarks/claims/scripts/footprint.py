"""python -m benchmarks.claims.scripts.footprint BUNDLE

Measures what Quince takes on a 64-bit Raspberry Pi OS, on disk and in memory. On disk it counts the
files that pip puts beside an empty virtual environment for aarch64, with their bytecode, by the
sizes of the files. In memory, on an emulated Cortex-A72, it compares the resident memory of two
processes at their end: one imports numpy and the interpreter, loads the model and invokes it; the
other classifies the first golden image from its file. The code that QEMU translated is left out,
because no device has it: it is in the one mapping that can be both written and executed. The number
of imported modules is counted then too.
"""

import compileall
import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.claims.base import Claim, print_claims, run_claim
from benchmarks.claims.interleave import golden_image
from export.emulation.devices import Device, choose_device
from export.emulation.emulated_python import emulated_python
from export.emulation.rootfs import pinned, site_folder
from runtime.bundles.bundle import Bundle
from runtime.system.subprocesses import ROOT

MB = 1e6
OWN_BAR_MB, MEMORY_BAR_MB = 1.0, 10
INSTALLED = ("runtime", "benchmarks")


class InterpreterInstallation(NamedTuple):
    """Describes what runs files of `format`.

    pinned: distributions in the workstation's versions.
    extra: other requirements that pip installs with them.
    """

    format: str
    pinned: tuple[str, ...]
    extra: tuple[str, ...]
    bar_mb: float


INTERPRETERS = {
    "ai-edge-litert": InterpreterInstallation(
        "tflite",
        ("numpy", "pillow", "ai-edge-litert"),
        ("flatbuffers", "protobuf", "tqdm", "typing_extensions", "ml_dtypes", "backports.strenum"),
        145,
    ),
    "tflite-runtime": InterpreterInstallation(
        "tflite", ("pillow",), ("numpy<2", "tflite-runtime==2.14.0"), 145
    ),
    "onnxruntime": InterpreterInstallation(
        "onnx", ("numpy", "pillow", "onnxruntime", "flatbuffers", "packaging", "protobuf"), (), 165
    ),
}
"""By what a user installs.

The bar of ONNX Runtime is higher because it takes 18 MB more than LiteRT on aarch64: environments
of 185 and 167 MB, measured before the project began."""
RESIDENT = """
import json, sys
sizes, mapping = {}, ""
for line in open("/proc/self/smaps"):
    first, second = line.split()[:2]
    if not first.endswith(":"):
        mapping = second
    elif first == "Rss:":
        sizes[mapping] = sizes.get(mapping, 0) + int(second) / 1024
translated = sizes.pop("rwxp")
resident = {"resident_mb": sum(sizes.values()), "translated_mb": translated}
print(json.dumps({**resident, "modules": len(sys.modules)}))
"""
BARE = {
    "tflite": """
import json, sys
job = json.load(open(sys.argv[1]))
import numpy
try:
    from ai_edge_litert.interpreter import Interpreter
except ModuleNotFoundError:
    from tflite_runtime.interpreter import Interpreter
interpreter = Interpreter(job["model"], num_threads=1)
interpreter.allocate_tensors()
interpreter.invoke()
""",
    "onnx": """
import json, sys
job = json.load(open(sys.argv[1]))
import numpy
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(job["model"], options)
(entry,) = session.get_inputs()
shape = [side if isinstance(side, int) else 1 for side in entry.shape]
session.run(None, {entry.name: numpy.zeros(shape, numpy.uint8)})
""",
}
OURS = """
import json, sys
job = json.load(open(sys.argv[1]))
from runtime import Classifier
Classifier(job["bundle"], artifact=job["artifact"], threads=1).classify(job["image"])
"""


def main() -> int:
    """Prints the claims; returns 3 if one does not hold."""
    bundle = Bundle.open(Path(sys.argv[1]).resolve())
    device = choose_device("cortex-a72")
    claims = []
    with TemporaryDirectory() as scratch:
        own = own_bytes(Path(scratch) / "own")
        for name, interpreter in INTERPRETERS.items():
            file = _artifact_file(bundle, interpreter.format)
            if file is None:
                print(f"the bundle has no {interpreter.format} file: {name} is not measured")
                continue
            packages = [*pinned(*interpreter.pinned), *interpreter.extra]
            memory = _memory_claim(name, device, packages, bundle, file, Path(scratch))
            site = site_folder(device.system, packages)
            compileall.compile_dir(site, quiet=2)
            size_mb = (_size(site) + sum(own.values())) / MB
            unit = "MB beside an empty environment"
            disk = Claim(f"footprint-{name}", size_mb, unit, interpreter.bar_mb, least=False)
            claims += [disk, memory]
    parts = ", ".join(f"{name} {size / MB:.2f}" for name, size in own.items())
    unit = f"MB of Quince itself with bytecode ({parts})"
    claims.append(Claim("footprint-own", sum(own.values()) / MB, unit, OWN_BAR_MB, least=False))
    return print_claims(*claims)


def own_bytes(scratch: Path) -> dict[str, int]:
    """Returns the bytes that the Pi's wheel installs, with bytecode, by what it installs."""
    tree = scratch / "pi"
    settings = [f"PI={tree}", f"BIN={Path(sys.executable).parent}"]
    subprocess.run(["make", "--silent", "-C", ROOT, *settings, str(tree)], check=True)
    sizes = {}
    for name in INSTALLED:
        compileall.compile_dir(tree / name, quiet=2)
        sizes[name] = _size(tree / name)
    return sizes


def _artifact_file(bundle: Bundle, model_format: str) -> str | None:
    files = (artifact.file for artifact in bundle.exported() if artifact.format == model_format)
    return next(files, None)


def _memory_claim(
    name: str, device: Device, packages: list[str], bundle: Bundle, file: str, scratch: Path
) -> Claim:
    bare, ours = _resident(device, packages, bundle.path, file, scratch)
    print(
        f"{name}: QEMU's translated code is {ours['translated_mb']:.1f} MB, "
        f"that of the bare interpreter {bare['translated_mb']:.1f} MB"
    )
    unit = (
        f"MB over the bare interpreter, emulated "
        f"({ours['resident_mb']:.1f} and {bare['resident_mb']:.1f} MB, "
        f"{ours['modules']} and {bare['modules']} modules imported)"
    )
    difference = ours["resident_mb"] - bare["resident_mb"]
    return Claim(f"footprint-{name}-memory", difference, unit, MEMORY_BAR_MB, least=False)


def _resident(
    device: Device, packages: list[str], bundle: Path, file: str, scratch: Path
) -> tuple[dict[str, float], dict[str, float]]:
    """Returns what RESIDENT prints of the bare interpreter, and of ours."""
    model = bundle / file
    image = golden_image(bundle)
    job = {"bundle": str(bundle), "artifact": file, "model": str(model), "image": str(image)}
    (scratch / "job.json").write_text(json.dumps(job))
    printed = []
    with emulated_python(device.system, device.processor, packages) as emulated:
        for code in (BARE[model.suffix[1:]], OURS):
            script = scratch / "script.py"
            script.write_text(code + RESIDENT)
            printed.append(json.loads(list(emulated.lines(script, str(scratch / "job.json")))[-1]))
    return printed[0], printed[1]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    run_claim(__spec__.name, main)
