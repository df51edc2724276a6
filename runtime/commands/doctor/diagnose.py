"""Collects all findings about this machine."""

import struct
import sys
from dataclasses import dataclass
from pathlib import Path

from runtime.commands.doctor.cameras import examine_cameras
from runtime.commands.doctor.conditions import examine_conditions
from runtime.commands.doctor.finding import Finding
from runtime.commands.doctor.interpreters import examine_interpreters
from runtime.commands.doctor.models import examine_model
from runtime.commands.doctor.system import examine_system
from runtime.system.machine import Machine, read_machine


@dataclass(frozen=True)
class Diagnosis:
    """The machine, the findings, and whether the model can run here.

    can_run: without a model, whether any model can.
    """

    machine: Machine
    findings: tuple[Finding, ...]
    can_run: bool


def diagnose(model: Path | None = None, root: Path = Path("/")) -> Diagnosis:
    """Examines this machine; reads files of the system below `root`.

    Raises:
        InputRefused: `model` is neither a bundle nor a model file.
    """
    models, can_run = examine_model(model) if model else ([], False)
    machine = read_machine(root)
    interpreters = examine_interpreters()
    if not model:
        can_run = any(finding.level in ("ok", "warning") for finding in interpreters)
    findings = [
        *examine_system(root, machine, 8 * struct.calcsize("P"), sys.version_info[:2]),
        *interpreters,
        *models,
        *examine_conditions(machine, model or Path()),
        *examine_cameras(root),
    ]
    return Diagnosis(machine, tuple(findings), can_run)
