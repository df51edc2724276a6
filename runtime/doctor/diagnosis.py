"""All that is known of a machine, put together."""

import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from runtime.doctor.cameras import examine_cameras
from runtime.doctor.conditions import examine_conditions
from runtime.doctor.finding import Finding
from runtime.doctor.interpreters import examine_interpreters
from runtime.doctor.models import examine_model
from runtime.doctor.system import examine_system
from runtime.machine import Machine, read_machine


@dataclass(frozen=True)
class Diagnosis:
    """What was read, what was found, and whether the model can run here; without a model, whether any can."""

    machine: Machine
    findings: tuple[Finding, ...]
    runs: bool


def diagnose(model: Path | None = None, root: Path = Path("/")) -> Diagnosis:
    """Examines this machine; files of the system are read below `root`.

    Raises:
        InputRefused: `model` is no bundle and no model file.
    """
    models, runs = examine_model(model) if model else ([], False)
    machine = read_machine(root)
    interpreters = examine_interpreters()
    if not model:
        runs = any(finding.level in ("ok", "warning") for finding in interpreters)
    findings = [
        *examine_system(root, machine, 8 * struct.calcsize("P"), sys.version_info[:2]),
        *interpreters,
        *models,
        *examine_conditions(machine, model or Path()),
        *examine_cameras(root),
    ]
    return Diagnosis(machine, tuple(findings), runs)
