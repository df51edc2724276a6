"""python -m runtime info MODEL: what is in a bundle or a model file."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from runtime import cli
from runtime.commands import VERBS
from runtime.description import Description, ModelDescription, TensorDescription, describe
from runtime.foreign_arguments import add_foreign_arguments, foreign_options
from runtime.tensors import shape_text

NAME = cli.program("runtime")
MOST_LABELS, MOST_CHARACTERS = 20, 300


def main(arguments: Sequence[str]) -> int:
    """The command line; returns the exit code."""
    parser = cli.Parser(prog=f"{NAME} info", description=VERBS["info"].help.capitalize())
    parser.add_argument("model", type=Path, help="a bundle folder, or one .tflite or .onnx file")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    add_foreign_arguments(parser)
    options = parser.parse_args(arguments)
    found = describe(options.model, foreign_options(options))
    cli.show(found, as_json=options.json, text=lambda: "\n".join(map(cli.printable, _lines(found))))
    return cli.DONE


def _lines(found: Description) -> Iterator[str]:
    yield f"{found.path}: {found.kind} '{found.name}', id {found.id}"
    if found.lacking:
        yield f"not to be used as it is: {found.lacking}"
    else:
        more = f", ... ({len(found.labels) - MOST_LABELS} more)" if len(found.labels) > MOST_LABELS else ""
        yield f"labels ({len(found.labels)}): {', '.join(found.labels[:MOST_LABELS])}{more}"
        yield f"picture: {found.height}x{found.width} pixels (height x width), fit {found.fit}, upright, RGB"
    for name, value in found.provenance.items():
        yield f"{name}: {_short(value)}"
    for model in found.models:
        yield from _model(model)


def _model(model: ModelDescription) -> Iterator[str]:
    kind = " ".join(part for part in (model.format, model.precision) if part)
    yield f"{model.file}: {kind}, {model.size_bytes / 1e6:.3g} MB, sha256 {model.sha256[:12]}..."
    if model.input and model.output:
        yield f"  input {_tensor(model.input)} -> output {_tensor(model.output)}"
    else:
        yield f"  input and output not known: {model.lacking}"
    if model.measured:
        drop, low, high = (model.measured[name] for name in ("drop", "drop_low", "drop_high"))
        accuracies = f"accuracy {model.measured['candidate_accuracy']:.4f}, Keras {model.measured['reference_accuracy']:.4f}"
        interval = f"drop {drop:+.4f} (95 % interval {low:+.4f} to {high:+.4f})"
        same = f"same top-1 {model.measured['agreement']:.4f} on {model.measured['pictures']:.0f} pictures"
        yield f"  at export: {accuracies}, {interval}, {same}"


def _tensor(tensor: TensorDescription) -> str:
    quantized = f", scale {tensor.scale:.6g}, zero point {tensor.zero_point}" if tensor.scale is not None else ""
    return f"{tensor.dtype} {shape_text(tensor.shape)}{quantized}"


def _short(value: object) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{name} {part}" for name, part in value.items())
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."
