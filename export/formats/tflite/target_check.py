"""Checks that a runtime knows the operators of a TFLite file."""

from export.formats.targets.targets import TargetRuntime, known_targets
from export.formats.tflite.flatbuffer import operators
from runtime.errors import InputRefused

FULLY_CONNECTED = 9
"""The code of the operator of Dense layers."""
PER_CHANNEL_DENSE = 12
"""The first version of it with float activations and a scale for each channel of int8 weights."""


def check_target(file: str, content: bytes, target: TargetRuntime) -> None:
    """Checks that `target` reads each operator of the model in the version that it has there.

    Raises:
        InputRefused: it does not; names the operator and both versions.
    """
    for operator in operators(content):
        if operator.custom is not None:
            raise InputRefused(
                file,
                f"has the custom operator {operator.custom}, which {target.name} does not know",
            )
        _, highest = target.operators.get(operator.code, ("", 0))
        if operator.version > highest:
            reads = f"reads it up to version {highest}" if highest else "does not know it"
            raise InputRefused(
                file,
                f"has the operator {_name(operator.code)} in version {operator.version};"
                f" {target.name} {reads}; use another --precision or --target",
            )


def knows_per_channel_dense(target: TargetRuntime) -> bool:
    """Checks if `target` reads Dense layers with float activations and int8 weights per channel."""
    return target.operators[FULLY_CONNECTED][1] >= PER_CHANNEL_DENSE


def _name(code: int) -> str:
    """Returns the name of an operator, which any target that knows it can give."""
    for target in known_targets().values():
        if code in target.operators:
            return target.operators[code][0]
    return f"number {code}"
