"""Knows the runtimes that model files are made for, and checks if they can read a file.

targets.jsonl has one line for each runtime. `export/formats/targets/probe.py` writes such a line
from what the runtime itself reports.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from export.formats.registry import FORMATS
from runtime.errors import InputRefused
from runtime.system.lazy_loading import lookup

TABLE = Path(__file__).with_name("targets.jsonl")
DEFAULT_TARGETS = tuple(row.default_target for row in FORMATS.values() if row.default_target)
FORMAT_OF_RUNTIME = {runtime: name for name, row in FORMATS.items() for runtime in row.runtimes}


@dataclass(frozen=True)
class TargetRuntime:
    """States the format that a runtime runs, and the highest versions that it reads.

    operators: the name and the highest version of each TFLite operator, by code.
    opset: the highest version of ONNX's standard operator set.
    ir: the highest IR version of an ONNX file.
    """

    name: str
    format: str
    operators: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    opset: int = 0
    ir: int = 0


@cache
def known_targets() -> dict[str, TargetRuntime]:
    """Returns every runtime in the table, by its name `PACKAGE==MAJOR.MINOR`."""
    targets = {}
    for line in TABLE.read_text().splitlines():
        row = json.loads(line)
        package, version = row["package"].split()
        operators = {int(code): tuple(entry) for code, entry in row.get("operators", {}).items()}
        name = _without_patch(f"{package}=={version}")
        targets[name] = TargetRuntime(
            name, FORMAT_OF_RUNTIME[package], operators, row.get("opset", 0), row.get("ir", 0)
        )
    return targets


def choose_targets(names: Sequence[str], formats: Sequence[str]) -> tuple[str, ...]:
    """Returns the targets of an export that makes files of `formats`.

    They are those in `names`, and the default target of each format that `names` does not cover.

    Raises:
        InputRefused: a name is not in the table, or runs none of the formats.
    """
    chosen = []
    for name in names:
        target = lookup(known_targets(), _without_patch(name), "target")
        if target.format not in formats:
            raise InputRefused(
                f"--target {name}", f"runs .{target.format} files, and none is made here"
            )
        chosen.append(target)
    covered = {target.format for target in chosen}
    for name in DEFAULT_TARGETS:
        target = known_targets()[name]
        if target.format in formats and target.format not in covered:
            chosen.append(target)
    return tuple(dict.fromkeys(target.name for target in chosen))


def targets_of_format(names: Sequence[str], format_name: str) -> list[TargetRuntime]:
    """Returns the targets among `names` that run files of a format."""
    targets = [known_targets()[name] for name in names]
    return [target for target in targets if target.format == format_name]


def check_targets(file: str, content: bytes, targets: Sequence[TargetRuntime]) -> None:
    """Checks that each of `targets` can read a model file.

    Raises:
        InputRefused: one cannot; names what it does not know, and both versions.
    """
    for target in targets:
        FORMATS[target.format].check_target.load()(file, content, target)


def _without_patch(name: str) -> str:
    """Returns `PACKAGE==1.2` for `PACKAGE==1.2.3`, as patch releases read the same files."""
    package, equals, version = name.partition("==")
    return f"{package}{equals}{'.'.join(version.split('.')[:2])}"
