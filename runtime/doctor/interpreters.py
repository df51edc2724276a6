"""Which interpreters are installed, and which of them work: each builds and runs a tiny network in a process of its own."""

import numpy as np

from runtime.doctor import probe
from runtime.doctor.child import Outcome, run_child
from runtime.doctor.finding import Finding
from runtime.interpreters import INTERPRETERS, Interpreter
from runtime.provenance import versions

LARGEST_ERROR = 0.05
"""Of a score: LiteRT's int8 is 0.01 from the float network's on x86-64, a wrong kernel's far more."""
NUMPY_ABI = ("_ARRAY_API not found", "compiled using NumPy 1", "numpy.core.multiarray failed to import", "numpy.dtype size changed")
"""What a package prints that was built for another numpy."""


def examine_interpreters() -> list[Finding]:
    """One finding for each package that is installed, and a problem where none works."""
    installed = [one for one in INTERPRETERS if one.installed]
    found = [judge(one, run_child(probe.__file__, one.module)) for one in installed]
    if not any(finding.level in ("ok", "warning") for finding in found):
        litert, _, ort = INTERPRETERS
        do = f"pip install {litert.distribution} (for .tflite files) or pip install {ort.distribution} (for .onnx files)"
        found.append(Finding("interpreter", "problem", "none works here, so no model can run", do))
    return found


def judge(one: Interpreter, outcome: Outcome) -> Finding:
    """What came of running the tiny network with an interpreter."""
    version = versions(one.distribution).get(one.distribution, "of unknown version")
    name = f"{one.distribution} {version}"
    if outcome.worked:
        error = float(np.abs(np.subtract(outcome.answer["scores"], probe.SCORES)).max())
        if not error < LARGEST_ERROR:
            found = f"{name} runs, and its scores of a tiny network are wrong by {error:.2g}"
            return Finding(
                "interpreter", "warning", found, f"install another version of it, and ask verify about each bundle; {_other(one)}"
            )
        took = outcome.answer["import_s"] + outcome.answer["run_s"]
        return Finding("interpreter", "ok", f"{name} works (runs {one.suffix} files; import and a tiny network: {took:.2f} s)")
    if any(sign in outcome.errors for sign in NUMPY_ABI):
        found = f"{name} is built for another numpy than {np.__version__}, which is installed"
        return Finding("interpreter", "problem", found, f"{_other(one)}, or in an environment of its own: pip install 'numpy<2'")
    if "SIGILL" in outcome.reason:
        return Finding("interpreter", "problem", f"{name} {outcome.reason}", f"pip install '{one.distribution}!={version}'")
    do = f"pip install --force-reinstall {one.distribution}, or {_other(one)}"
    return Finding("interpreter", "problem", f"{name} is installed and does not work: {outcome.reason}", do)


def _other(one: Interpreter) -> str:
    other = INTERPRETERS[0] if one is not INTERPRETERS[0] else INTERPRETERS[-1]
    return f"pip install {other.distribution} instead"
