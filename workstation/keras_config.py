"""Refuses a Keras config that names a class or function outside the list of known ones.

Since 2024 somebody has evaded Keras' safe mode several times a year, each time by naming
something in a config that nobody expected (tests/workstation/test_keras_config.py has the forms).
So this module does not search for harm. It accepts only the classes of workstation.keras_classes.
"""

from collections.abc import Iterator
from typing import Any

from runtime.errors import InputRefused
from workstation.keras_classes import CLASSES, FUNCTIONS, PLAIN

MAX_PARTS = 1_000_000
"""Values in a config, of any kind. The configs of keras.applications have some ten thousand."""

REMEDY = (
    "only Keras' own plain layers are loaded; export the model where it was made with "
    "model.export('FOLDER') and give that folder"
)


def check_config(config: Any, thing: str) -> None:
    """Checks that a config names only Keras' own plain classes.

    Raises:
        InputRefused: it names something else; the error names `thing` and the layer.
    """
    if not isinstance(config, dict) or "class_name" not in config:
        raise InputRefused(thing, "not a Keras file (its config.json describes no model)")
    if str(config.get("module")).startswith("keras.src.engine"):
        raise InputRefused(thing, written_by_keras_2(""))
    # Keras does not read `compile_config` when it loads without compiling.
    for owner, part in _objects(
        {key: value for key, value in config.items() if key != "compile_config"}
    ):
        _check_class(owner, part, thing)


def written_by_keras_2(version: str) -> str:
    """Returns why a model of Keras 2 is refused, and what to do with it."""
    return (
        f"written by Keras {version or '2'}, which Keras 3 does not read reliably; open it there "
        "(TensorFlow 2.15 or older), run model.export('FOLDER') and give that folder"
    )


def layer_name(part: dict[str, Any]) -> str:
    """Returns the name in a layer's config, or ""."""
    inner = part.get("config")
    return str(inner.get("name", "")) if isinstance(inner, dict) else ""


def _objects(config: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields each dict with a `class_name`, and the name of the layer that it belongs to.

    It uses no recursion, so a deep config needs no stack.
    """
    waiting: list[tuple[str, Any]] = [("", config)]
    parts = 0
    while waiting:
        parts += 1
        if parts > MAX_PARTS:
            raise InputRefused(
                "config.json", f"has more than {MAX_PARTS} values; no network needs so many"
            )
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
        if (
            module in ("builtins", "keras.activations")
            and isinstance(function, str)
            and function in FUNCTIONS
        ):
            return
        raise InputRefused(
            thing, f"{layer} uses the function {part.get('config')} of {module}; {REMEDY}"
        )
    if name in ("Lambda", "__lambda__"):
        raise InputRefused(thing, f"{layer} is a Lambda, which carries code of its own; {REMEDY}")
    known = isinstance(module, str) and name in CLASSES.get(module, ())
    if known and registered in (None, name):
        return
    if isinstance(module, str) and module.split(".")[0] == "keras" and registered in (None, name):
        raise InputRefused(
            thing, f"{layer} is a {name} of {module}, which may read files or run code; {REMEDY}"
        )
    raise InputRefused(thing, f"{layer} is a custom layer {registered or name}; {REMEDY}")
