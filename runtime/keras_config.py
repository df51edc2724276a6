"""Walks the config.json of a Keras file before Keras sees it: each class it names is on the list of runtime.keras_classes, or is refused.

Keras' safe mode has been got around in a new way several times a year since 2024, each time by naming something in a config that
nobody had thought of (tests/runtime/test_keras_config.py has the forms). So nothing is looked for here but what is known to be harmless.
"""

from collections.abc import Iterator
from typing import Any

from runtime.errors import InputRefused
from runtime.keras_classes import CLASSES, FUNCTIONS, PLAIN

MAX_PARTS = 1_000_000
"""Lists, objects and plain values of a config; those of keras.applications have at most some ten thousand."""

REMEDY = "only Keras' own plain layers are loaded; export the model where it was made with model.export('FOLDER') and give that folder"


def check_config(config: Any, thing: str) -> None:
    """Raises InputRefused, naming the layer, for a config that names anything but Keras' own plain classes."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise InputRefused(thing, "not a Keras file (its config.json describes no model)")
    if str(config.get("module")).startswith("keras.src.engine"):
        raise InputRefused(thing, written_by_keras_2(""))
    # `compile_config` of the whole model is never looked at: Keras drops it unread where it is told not to compile
    for owner, part in _objects({key: value for key, value in config.items() if key != "compile_config"}):
        _check_class(owner, part, thing)


def written_by_keras_2(version: str) -> str:
    """The reason for which a model of Keras 2 is refused, and what to do with it."""
    return (
        f"written by Keras {version or '2'}, which Keras 3 does not read reliably; open it there (TensorFlow 2.15 or older),"
        " run model.export('FOLDER') and give that folder"
    )


def layers(config: Any) -> Iterator[dict[str, Any]]:
    """Every object of the config that has a class, each shared one once, the outer before the inner."""
    seen: set[tuple[str, int]] = set()
    for _, part in _objects(config):
        shared = part.get("shared_object_id")
        if isinstance(shared, int):
            if (str(part["class_name"]), shared) in seen:
                continue
            seen.add((str(part["class_name"]), shared))
        yield part


def layer_name(part: dict[str, Any]) -> str:
    """The name that a layer's config gives it, or ""."""
    inner = part.get("config")
    return str(inner.get("name", "")) if isinstance(inner, dict) else ""


def _objects(config: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every dict with a `class_name`, with the name of the layer it is or belongs to; without recursion, so depth costs no stack."""
    waiting: list[tuple[str, Any]] = [("", config)]
    parts = 0
    while waiting:
        parts += 1
        if parts > MAX_PARTS:
            raise InputRefused("config.json", f"has more than {MAX_PARTS} values; no network needs so many")
        owner, part = waiting.pop()
        if isinstance(part, dict):
            if "class_name" in part:
                owner = layer_name(part) or owner
                yield owner, part
            waiting += [(owner, value) for value in reversed(part.values())]
        elif isinstance(part, list):
            waiting += [(owner, value) for value in reversed(part)]


def _check_class(owner: str, part: dict[str, Any], thing: str) -> None:
    name, module, registered = part["class_name"], part.get("module"), part.get("registered_name")
    layer = f"layer '{owner}'" if owner else "it"
    if not isinstance(name, str):
        raise InputRefused(thing, f"{layer} has a class_name that is no text; {REMEDY}")
    if module is None and name in PLAIN:
        return
    if name == "function":
        function = part.get("config")
        if module in ("builtins", "keras.activations") and isinstance(function, str) and function in FUNCTIONS:
            return
        raise InputRefused(thing, f"{layer} uses the function {part.get('config')} of {module}; {REMEDY}")
    if name in ("Lambda", "__lambda__"):
        raise InputRefused(thing, f"{layer} is a Lambda, which carries code of its own; {REMEDY}")
    known = isinstance(module, str) and name in CLASSES.get(module, ())
    if known and registered in (None, name):
        return
    if isinstance(module, str) and module.split(".")[0] == "keras" and registered in (None, name):
        raise InputRefused(thing, f"{layer} is a {name} of {module}, which may read files or run code; {REMEDY}")
    raise InputRefused(thing, f"{layer} is a custom layer {registered or name}; {REMEDY}")
