"""Checks an `.h5` file of Keras 2 before it is loaded: it names only plain layers and itself.

tf_keras has no safe mode for HDF5: a Lambda layer's code runs when it is loaded.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from runtime.errors import InputRefused
from workstation.keras_archive import MAX_EXPANSION
from workstation.keras_classes import CLASSES, FUNCTIONS, LAYERS

NAMES = (
    LAYERS
    | CLASSES["keras.initializers"]
    | CLASSES["keras.regularizers"]
    | CLASSES["keras.constraints"]
    | frozenset({"Sequential", "Functional", "Model", "Policy", "NormalizationV2"})
    | frozenset({"BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization"})
)
OPERATORS = frozenset(
    {
        *("__operators__.add", "__operators__.getitem", "cast", "concat", "math.add"),
        *("math.divide", "math.multiply", "math.subtract", "math.truediv", "nn.bias_add"),
        *("nn.relu", "nn.relu6", "nn.sigmoid", "nn.softmax", "nn.swish", "reshape"),
    }
)
"""TensorFlow's functions that a TFOpLambda may name; preprocess_input inside a model uses some."""
OPERATOR_LAYERS = ("TFOpLambda", "SlicingOpLambda")
MAX_PARTS = 1_000_000
REMEDY = "export the model where it was made with model.export('FOLDER') and give that folder"


def check_hdf5(path: Path) -> None:
    """Checks the config in an HDF5 file, and that its weights lie inside it.

    Raises:
        InputRefused: it holds no model, a layer that may run code, a link to another file, or
            weights that declare much more than is stored.
    """
    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
            _check_links(file, path)
    except OSError as error:
        raise InputRefused(str(path), f"damaged or cut: HDF5 cannot read it ({error})") from error
    if text is None:
        raise InputRefused(
            str(path), "holds weights but no model; save the whole model with model.save"
        )
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputRefused(str(path), "its model_config is no JSON") from error
    for part in _objects(config, path):
        _check_class(part, path)


def _objects(config: Any, path: Path) -> Iterator[dict[str, Any]]:
    waiting, parts = [config], 0
    while waiting:
        parts += 1
        if parts > MAX_PARTS:
            raise InputRefused(str(path), f"its config has more than {MAX_PARTS} values")
        part = waiting.pop()
        if isinstance(part, dict):
            if "class_name" in part:
                yield part
            waiting += part.values()
            activation = part.get("activation")
            if isinstance(activation, str) and activation not in FUNCTIONS:
                raise InputRefused(
                    str(path), f"uses the function {activation[:50]!r} of its own; {REMEDY}"
                )
        elif isinstance(part, list):
            waiting += part


def _check_class(part: dict[str, Any], path: Path) -> None:
    name, settings = part["class_name"], part.get("config")
    settings = settings if isinstance(settings, dict) else {}
    if name in OPERATOR_LAYERS:
        if settings.get("function") in OPERATORS:
            return
        name = f"{name} of {settings.get('function')}"
    elif isinstance(name, str) and name in NAMES:
        if part.get("registered_name") in (None, name):
            return
        name = part["registered_name"]
    layer = f"layer '{settings['name']}'" if "name" in settings else "it"
    raise InputRefused(str(path), f"{layer} is a {str(name)[:100]}, which may run code; {REMEDY}")


def _check_links(file: h5py.File, path: Path) -> None:
    """Refuses links, storage in other files, and weights that are larger than the file allows."""
    declared, waiting = 0, [file]
    while waiting:
        group = waiting.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise InputRefused(str(path), f"{name!r} in it is a link to another place")
            item = group[name]
            if isinstance(item, h5py.Group):
                waiting.append(item)
                continue
            if item.external or item.is_virtual:
                raise InputRefused(str(path), f"{name!r} in it lies in another file")
            declared += item.nbytes
    stored = path.stat().st_size
    if declared > MAX_EXPANSION * stored:
        raise InputRefused(
            str(path), f"its weights declare {declared} bytes, but the file holds {stored}"
        )
