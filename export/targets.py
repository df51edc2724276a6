"""The runtimes a model file is meant for, by name, and whether they can read it: operator versions, operator set, IR version.

What each reads stands in targets.jsonl, one line a runtime, as `export/targets_probe.py` got it from the runtime itself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from export.formats.tflite_file import operators
from runtime.errors import InputRefused
from runtime.onnx_file import read_onnx_file
from runtime.plugins import choose

TABLE = Path(__file__).with_name("targets.jsonl")
DEFAULTS = ("ai-edge-litert==2.3", "onnxruntime==1.31")
"""What the README promises and pyproject.toml installs, each in its oldest version."""
PACKAGES = {"tflite-runtime": "tflite", "ai-edge-litert": "tflite", "onnxruntime": "onnx"}
FULLY_CONNECTED, PER_CHANNEL_DENSE = 9, 12
"""The operator's code, and the version of it whose int8 weights have a scale a channel beside float activations."""


@dataclass(frozen=True)
class Target:
    """A runtime: the format it runs and the highest versions it reads.

    operators: of each TFLite operator by code, its name and highest version. opset, ir: of ONNX's standard operators, of the file.
    """

    name: str
    format: str
    operators: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    opset: int = 0
    ir: int = 0

    @property
    def knows_per_channel_dense(self) -> bool:
        """Whether it reads Dense layers with int8 weights, a scale for each channel, and float activations."""
        return self.format != "tflite" or self.operators[FULLY_CONNECTED][1] >= PER_CHANNEL_DENSE


@cache
def known_targets() -> dict[str, Target]:
    """Every runtime in the table, by its name `PACKAGE==MAJOR.MINOR`."""
    found = {}
    for line in TABLE.read_text().splitlines():
        row = json.loads(line)
        package, version = row["package"].split()
        codes = {int(code): (name, highest) for code, (name, highest) in row.get("operators", {}).items()}
        name = _name(f"{package}=={version}")
        found[name] = Target(name, PACKAGES[package], codes, row.get("opset", 0), row.get("ir", 0))
    return found


def choose_targets(names: Sequence[str], formats: Sequence[str]) -> tuple[str, ...]:
    """The targets of an export: those named, and the default of each format that none was named for.

    Raises:
        InputRefused: one is not in the table, or runs no format that is made.
    """
    chosen = []
    for name in names:
        target = choose(known_targets(), _name(name), "target")
        if target.format not in formats:
            raise InputRefused(f"--target {name}", f"runs .{target.format} files, and none is made here")
        chosen.append(target)
    covered = {target.format for target in chosen}
    defaults = [known_targets()[name] for name in DEFAULTS]
    chosen += [target for target in defaults if target.format in formats and target.format not in covered]
    return tuple(dict.fromkeys(target.name for target in chosen))


def of_format(names: Sequence[str], wanted: str) -> list[Target]:
    """The targets among `names` that run files of the format `wanted`."""
    return [target for target in map(known_targets().__getitem__, names) if target.format == wanted]


def check_targets(file: str, content: bytes, targets: Sequence[Target]) -> None:
    """Holds a model file against each runtime it is meant for.

    Raises:
        InputRefused: one cannot read it; names the operator or the operator set, and both versions.
    """
    for target in targets:
        if target.format == "tflite":
            _check_operators(file, content, target)
        else:
            _check_opset(file, content, target)


def _check_operators(file: str, content: bytes, target: Target) -> None:
    names = {code: name for one in known_targets().values() for code, (name, _) in one.operators.items()}
    for operator in operators(content):
        if operator.custom is not None:
            raise InputRefused(file, f"has the custom operator {operator.custom}, which {target.name} does not know")
        _, highest = target.operators.get(operator.code, ("", 0))
        if operator.version > highest:
            name = names.get(operator.code, f"number {operator.code}")
            reads = f"reads it up to version {highest}" if highest else "does not know it"
            raise InputRefused(
                file, f"has the operator {name} in version {operator.version}; {target.name} {reads}; use another --precision or --target"
            )


def _check_opset(file: str, content: bytes, target: Target) -> None:
    found = read_onnx_file(file, content)
    for what, version, highest in (("operator set", found.opsets.get("", 0), target.opset), ("IR version", found.ir_version, target.ir)):
        if version > highest:
            raise InputRefused(file, f"has {what} {version}; {target.name} reads up to {highest}; use another --precision or --target")
    if strange := sorted(set(found.opsets) - {""}):
        raise InputRefused(file, f"has operators of the domain '{strange[0]}', which are not standard ones")


def _name(given: str) -> str:
    """`PACKAGE==1.2.3` as `PACKAGE==1.2`: patch releases read the same files."""
    package, equals, version = given.partition("==")
    return f"{package}{equals}{'.'.join(version.split('.')[:2])}"
