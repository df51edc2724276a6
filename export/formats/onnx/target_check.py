"""Checks that a runtime knows the operator set and the IR version of an ONNX file."""

from export.formats.targets.targets import TargetRuntime
from runtime.errors import InputRefused
from runtime.file_formats.onnx import read_onnx_file


def check_target(file: str, content: bytes, target: TargetRuntime) -> None:
    """Checks that `target` reads the model, which may have standard operators only.

    Raises:
        InputRefused: it does not; names the operator set or the IR version, and both versions.
    """
    model = read_onnx_file(file, content)
    for part, version, highest in (
        ("operator set", model.opsets.get("", 0), target.opset),
        ("IR version", model.ir_version, target.ir),
    ):
        if version > highest:
            raise InputRefused(
                file,
                f"has {part} {version}; {target.name} reads up to {highest};"
                " use another --precision or --target",
            )
    if other_domains := sorted(set(model.opsets) - {""}):
        raise InputRefused(
            file, f"has operators of the domain '{other_domains[0]}', which are not standard ones"
        )
