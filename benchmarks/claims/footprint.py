"""python -m benchmarks.claims.footprint BUNDLE: what the runtime takes on a 64-bit Raspberry Pi OS, on disk and in memory.

On disk: the files that pip puts beside an empty virtual environment for aarch64, with their bytecode, by the sizes that they say they have.
In memory, on an emulated Cortex-A72: the peak of a process that imports numpy and LiteRT, loads the model and invokes it, and of one that
classifies the first golden picture from its file. QEMU's own memory is in both, and grows with the code that runs, so the difference is
more than a device's (claim memory). Modules: how many are imported by then.
"""

import compileall
import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.claims import Claim, show
from benchmarks.claims.alternate import golden_picture, tflite_file
from export.emulated.devices import choose_device
from export.emulated.python import emulated_python
from export.emulated.root import pinned, site_folder
from runtime.children import ROOT

MB = 1e6
INSTALLED_BAR_MB, OWN_BAR_MB, MEMORY_BAR_MB = 145, 0.5, 10
DECLARED = ("flatbuffers", "protobuf", "tqdm", "typing_extensions", "ml_dtypes", "backports.strenum")
"""What pip installs with ai-edge-litert, which does not import it to run a model."""
PEAK = """
import json, sys
peak = next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"peak_mb": peak, "modules": len(sys.modules)}))
"""
BARE = """
import json, sys
job = json.load(open(sys.argv[1]))
import numpy
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(job["model"], num_threads=1)
interpreter.allocate_tensors()
interpreter.invoke()
"""
OURS = """
import json, sys
job = json.load(open(sys.argv[1]))
from runtime import Classifier
Classifier(job["bundle"], threads=1).classify(job["picture"])
"""


def main() -> int:
    """Prints the figures; 3 if one does not hold."""
    bundle = Path(sys.argv[1]).resolve()
    device = choose_device("cortex-a72")
    job = {"bundle": str(bundle), "model": str(tflite_file(bundle)), "picture": str(golden_picture(bundle))}
    packages = [*pinned("numpy", "pillow", "ai-edge-litert"), *DECLARED]
    with emulated_python(device.system, device.processor, packages) as emulated, TemporaryDirectory() as scratch:
        (Path(scratch) / "job.json").write_text(json.dumps(job))
        found = {}
        for name, code in (("bare", BARE), ("ours", OURS)):
            script = Path(scratch) / f"{name}.py"
            script.write_text(code + PEAK)
            found[name] = json.loads(list(emulated.lines(script, f"{scratch}/job.json"))[-1])
        own = {package: _compiled(Path(ROOT) / package, Path(scratch) / package) for package in ("runtime", "benchmarks")}
    compileall.compile_dir(site_folder(device.system, packages), quiet=2)
    site = _size(site_folder(device.system, packages))
    parts = ", ".join(f"{name} {size / MB:.2f}" for name, size in own.items())
    extra = found["ours"]["peak_mb"] - found["bare"]["peak_mb"]
    modules = f"{found['ours']['modules']} modules imported, the bare interpreter {found['bare']['modules']}"
    return show(
        Claim("footprint-installed", (site + sum(own.values())) / MB, "MB beside an empty environment", INSTALLED_BAR_MB, least=False),
        Claim("footprint-own", sum(own.values()) / MB, f"MB of Quince itself with bytecode ({parts})", OWN_BAR_MB, least=False),
        Claim("footprint-memory", extra, f"MB over the bare interpreter's peak, emulated ({modules})", MEMORY_BAR_MB, least=False),
    )


def _compiled(package: Path, copy: Path) -> int:
    """The bytes of a package as pip installs it, with its bytecode."""
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(copy, quiet=2)
    return _size(copy)


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    sys.exit(main())
