"""Why TFLite cannot express a model, in one sentence: the operators that are not builtin ones, and the layers they come from."""

import re
from typing import Any

from export.formats.tflite_file import operators
from runtime.errors import InputRefused

MAX_LENGTH = 300


def explain(error: Exception, converter: Any) -> InputRefused:
    """The refusal to raise for what `converter`, a TFLiteConverter of one concrete function, complained of."""
    text = str(error)
    listed = re.findall(r"^(?:TF Select|Custom) ops: (.+)$", text, re.MULTILINE)
    names = [name for line in listed for name in re.split(r",\s*", line.strip())]
    if not names:
        return InputRefused("model", f"TFLite's converter refused it: {' '.join(text.split())[:MAX_LENGTH]}")
    found = ", ".join(_with_layer(name, converter) for name in dict.fromkeys(names))
    return InputRefused(
        "model",
        f"TFLite has no builtin operator for {found}; take layers that are made of builtin ones, or export onnx",
    )


def refuse_custom_operators(content: bytes) -> None:
    """Raises InputRefused, naming it, for an operator of the TFLite model `content` that is not a builtin one."""
    for operator in operators(content):
        if operator.custom is not None:
            raise InputRefused("model", f"became a .tflite with the operator {operator.custom}, which is not a builtin one of TFLite")


def _with_layer(operator: str, converter: Any) -> str:
    """The operator, and the path of the layer in whose call TensorFlow made it: its name scope less the model's and its own."""
    paths = [node.name.split("/") for node in converter._funcs[0].graph.get_operations() if node.type == operator]
    layers = ["/".join(path[1:-1]) for path in paths if len(path) > 2]
    return f"{operator} (layer '{layers[0]}')" if layers else operator
