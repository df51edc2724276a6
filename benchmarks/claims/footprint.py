"""python -m benchmarks.claims.footprint BUNDLE: what the runtime takes on a 64-bit Raspberry Pi OS, on disk and in memory.

On disk: the files that pip puts beside an empty virtual environment for aarch64, with their bytecode, by the sizes that they say they have.
In memory, on an emulated Cortex-A72: what is resident of a process that imports numpy and the interpreter, loads the model and invokes it,
and of one that classifies the first golden picture from its file, when they have done so. The code that QEMU translated, which no device
has, is left out: it lies in the one mapping that may be written and executed. Modules: how many are imported by then.
"""

import compileall
import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.claims import Claim, run, show
from benchmarks.claims.alternate import golden_picture
from export.emulated.devices import Device, choose_device
from export.emulated.python import emulated_python
from export.emulated.root import pinned, site_folder
from runtime.bundle import Bundle
from runtime.children import ROOT

MB = 1e6
OWN_BAR_MB, MEMORY_BAR_MB = 0.5, 10


class Interpreter(NamedTuple):
    """What runs files of `format`: distributions in the workstation's versions, others that pip installs with them, the bar in MB."""

    format: str
    pinned: tuple[str, ...]
    others: tuple[str, ...]
    bar_mb: float


INTERPRETERS = {
    "ai-edge-litert": Interpreter(
        "tflite",
        ("numpy", "pillow", "ai-edge-litert"),
        ("flatbuffers", "protobuf", "tqdm", "typing_extensions", "ml_dtypes", "backports.strenum"),
        145,
    ),
    "tflite-runtime": Interpreter("tflite", ("pillow",), ("numpy<2", "tflite-runtime==2.14.0"), 145),
    "onnxruntime": Interpreter("onnx", ("numpy", "pillow", "onnxruntime", "flatbuffers", "packaging", "protobuf"), (), 165),
}
"""By what a user installs. The last bar: ONNX Runtime takes 18 MB more than LiteRT on aarch64 (venvs of 185 and 167 MB, measured before the
project began)."""
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
print(json.dumps({"resident_mb": sum(sizes.values()), "translated_mb": translated, "modules": len(sys.modules)}))
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
session.run(None, {entry.name: numpy.zeros([side if isinstance(side, int) else 1 for side in entry.shape], numpy.uint8)})
""",
}
OURS = """
import json, sys
job = json.load(open(sys.argv[1]))
from runtime import Classifier
Classifier(job["bundle"], artifact=job["artifact"], threads=1).classify(job["picture"])
"""


def main() -> int:
    """Prints the figures; 3 if one does not hold."""
    bundle = Bundle.open(Path(sys.argv[1]).resolve())
    device = choose_device("cortex-a72")
    claims = []
    with TemporaryDirectory() as scratch:
        own = {package: _compiled(Path(ROOT) / package, Path(scratch) / package) for package in ("runtime", "benchmarks")}
        for name, one in INTERPRETERS.items():
            of_kind = [artifact.file for artifact in bundle.exported() if artifact.format == one.format]
            if not of_kind:
                print(f"the bundle has no {one.format} file to measure with", file=sys.stderr)
                continue
            packages = [*pinned(*one.pinned), *one.others]
            found = _resident(device, packages, one.format, bundle.path, of_kind[0], Path(scratch))
            site = site_folder(device.system, packages)
            compileall.compile_dir(site, quiet=2)
            ours, bare = found["ours"], found["bare"]
            extra = ours["resident_mb"] - bare["resident_mb"]
            both = f"{ours['resident_mb']:.1f} and {bare['resident_mb']:.1f} MB, {ours['modules']} and {bare['modules']} modules imported"
            print(f"{name}: QEMU's translated code is {ours['translated_mb']:.1f} and {bare['translated_mb']:.1f} MB")
            installed = (_size(site) + sum(own.values())) / MB
            claims += [
                Claim(f"footprint-{name}", installed, "MB beside an empty environment", one.bar_mb, least=False),
                Claim(f"footprint-{name}-memory", extra, f"MB over the bare interpreter, emulated ({both})", MEMORY_BAR_MB, least=False),
            ]
    parts = ", ".join(f"{name} {size / MB:.2f}" for name, size in own.items())
    claims.append(Claim("footprint-own", sum(own.values()) / MB, f"MB of Quince itself with bytecode ({parts})", OWN_BAR_MB, least=False))
    return show(*claims)


def _resident(device: Device, packages: list[str], kind: str, bundle: Path, file: str, scratch: Path) -> dict[str, dict[str, float]]:
    job = {"bundle": str(bundle), "artifact": file, "model": str(bundle / file), "picture": str(golden_picture(bundle))}
    (scratch / "job.json").write_text(json.dumps(job))
    found = {}
    with emulated_python(device.system, device.processor, packages) as emulated:
        for name, code in (("bare", BARE[kind]), ("ours", OURS)):
            script = scratch / f"{name}.py"
            script.write_text(code + RESIDENT)
            found[name] = json.loads(list(emulated.lines(script, str(scratch / "job.json")))[-1])
    return found


def _compiled(package: Path, copy: Path) -> int:
    """The bytes of a package as pip installs it, with its bytecode."""
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(copy, quiet=2)
    return _size(copy)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    run(__spec__.name, main)
