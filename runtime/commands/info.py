"""Runs `python -m runtime info MODEL`, which shows what is in a bundle or a model file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from runtime.bundles.description import (
    Description,
    ModelDescription,
    TensorDescription,
    describe_model,
)
from runtime.cli.identity import program_name
from runtime.cli.output import print_result
from runtime.cli.parser import CommandParser, add_json
from runtime.commands.table import VERBS
from runtime.errors import DONE, REFUSED
from runtime.file_formats.tensors import shape_text
from runtime.images.region import region_text
from runtime.shared.external_model_arguments import (
    add_external_model_arguments,
    external_model_options,
)
from runtime.system.terminal import escape_control_chars, say

NAME = program_name("runtime")
MAX_LABELS, MAX_CHARACTERS = 20, 300


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = CommandParser(prog=f"{NAME} info", description=VERBS["info"].help.capitalize() + ".")
    parser.add_argument("model", type=Path, help="a bundle folder, or one .tflite or .onnx file")
    add_json(parser)
    add_external_model_arguments(parser)
    options = parser.parse_args(arguments)
    description = describe_model(options.model, external_model_options(options))
    print_result(
        description,
        as_json=options.json,
        text=lambda: "\n".join(map(escape_control_chars, _lines(description))),
    )
    if description.lacking:  # as predict refuses it
        say(f"{NAME}: {description.model}: {description.lacking}")
        return REFUSED
    return DONE


def _lines(description: Description) -> Iterator[str]:
    name = f"{description.model_kind} '{description.bundle_name}'"
    yield f"{description.model}: {name}, id {description.bundle_id}"
    if description.lacking:
        yield f"cannot be used as it is: {description.lacking}"
    else:
        labels = ", ".join(description.labels[:MAX_LABELS])
        more = len(description.labels) - MAX_LABELS
        if more > 0:
            labels += f", ... ({more} more)"
        yield f"labels ({len(description.labels)}): {labels}"
        size = f"{description.height}x{description.width} pixels (height x width)"
        yield f"image: {size}, fit {description.fit}, upright, RGB"
        if description.region:
            yield f"region of the image: {region_text(description.region)} (x, y, width, height)"
        if description.grey16_range:
            low, high = description.grey16_range
            yield f"16-bit grey: the values {low} to {high} become 0 to 255"
    for name, value in description.provenance.items():
        yield f"{name}: {_shorten(value)}"
    for model in description.artifacts:
        yield from _model_lines(model)


def _model_lines(model: ModelDescription) -> Iterator[str]:
    kind = " ".join(part for part in (model.format, model.precision) if part)
    size = f"{model.size_bytes / 1e6:.3g} MB"
    yield f"{model.artifact}: {kind}, {size}, sha256 {model.sha256[:12]}..."
    if model.input and model.output:
        yield f"  input {_tensor(model.input)} -> output {_tensor(model.output)}"
    else:
        yield f"  input and output are unknown: {model.lacking}"
    if model.measured:
        yield f"  at export: {_parity(model.measured)}"


def _parity(measured: Mapping[str, float]) -> str:
    return (
        f"accuracy {measured['candidate_accuracy']:.4f}, "
        f"the model before export {measured['reference_accuracy']:.4f}, "
        f"drop {measured['drop']:+.4f} "
        f"(95 % interval {measured['drop_low']:+.4f} to {measured['drop_high']:+.4f}), "
        f"same top-1 {measured['agreement']:.4f} on {measured['images']:.0f} images"
    )


def _tensor(tensor: TensorDescription) -> str:
    text = f"{tensor.dtype} {shape_text(tensor.shape)}"
    if tensor.scale is None:
        return text
    return f"{text}, scale {tensor.scale:.6g}, zero point {tensor.zero_point}"


def _shorten(value: object) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{name} {part}" for name, part in value.items())
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}..."
