"""The list of classes refuses every evasion of Keras' safe mode since 2024 (FAULTS E2, E4)."""

import json

import pytest

from runtime.errors import InputRefused
from workstation.keras_config import check_config

PAYLOAD = {
    "module": "os",
    "class_name": "function",
    "config": "system",
    "registered_name": "system",
}


def layer(
    class_name: str,
    module: str | None = "keras.layers",
    *,
    registered: str | None = None,
    **config: object,
) -> dict:
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": "evil", **config},
        "registered_name": registered,
    }


def sequential(*parts: object) -> dict:
    first = layer("InputLayer", batch_shape=[None, 8, 8, 3])
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "net", "layers": [first, *parts]},
        "registered_name": None,
    }


def function(module: str, name: str) -> dict:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


BYPASSES = {
    "CVE-2024-3660: Lambda with marshalled code": layer(
        "Lambda", function={"class_name": "__lambda__", "config": {"code": "4wAAAA=="}}
    ),
    "Lambda of a named function": layer("Lambda", function=PAYLOAD),
    "CVE-2025-1550: any module and function": {
        **PAYLOAD,
        "inbound_nodes": [{"args": ["id"], "kwargs": {}}],
    },
    "CVE-2025-1550: any class of any module": layer("Popen", "subprocess", args="id"),
    "CVE-2025-8747: keras' own get_file as a function": layer(
        "Lambda", function=function("keras.utils", "get_file")
    ),
    "CVE-2025-8747: the same outside of a Lambda": layer(
        "Activation", activation=function("keras.utils", "get_file")
    ),
    "CVE-2025-9906: enable_unsafe_deserialization": function(
        "keras.config", "enable_unsafe_deserialization"
    ),
    "CVE-2025-9906: load_model without safe mode": layer(
        "Activation", activation=function("keras.models", "load_model")
    ),
    "CVE-2025-9906: set_global_attribute": function(
        "keras.src.backend.common.global_state", "set_global_attribute"
    ),
    "CVE-2025-49655: TorchModuleWrapper unpickles": layer("TorchModuleWrapper", module_="UEsDBA=="),
    "CVE-2025-12058: StringLookup reads a file": layer("StringLookup", vocabulary="/etc/passwd"),
    "CVE-2025-12058: IntegerLookup reads an address": layer(
        "IntegerLookup", vocabulary="http://127.0.0.1/secret"
    ),
    "CVE-2025-12058: TextVectorization": layer("TextVectorization", vocabulary="/etc/passwd"),
    "CVE-2026-1462: TFSMLayer loads a SavedModel": layer("TFSMLayer", filepath="/tmp/evil"),
    "JaxLayer and FlaxLayer": layer("FlaxLayer", module_={}),
    "types.FunctionType": layer("FunctionType", "types", code="..."),
    "a TypeSpec of any module": {
        "class_name": "__typespec__",
        "module": "os",
        "spec_name": "system",
        "config": ["id"],
        "registered_name": None,
    },
    "a lambda value": {"class_name": "__lambda__", "config": {"value": ["4wAAAA==", None, None]}},
    "bytes, which no image model needs": {"class_name": "__bytes__", "config": {"value": "x"}},
    "a class without a module, as the old format has it": {
        "class_name": "Dense",
        "config": {"name": "evil", "units": 2},
    },
    "a public name with a registered one beside it": layer(
        "Dense", registered="custom>Dense", units=2
    ),
    "a private module of keras": layer("Lambda_", "keras.src.layers.core.lambda_layer"),
    "a package beside keras": layer(
        "Backbone", "keras_hub.models", registered="keras_hub>Backbone"
    ),
    "an operation that takes a function": layer("Map", "keras.src.ops.core", f=PAYLOAD),
    "a builtin as an activation": layer("Activation", activation=function("builtins", "eval")),
    "what keras.activations has beside activations": layer(
        "Activation", activation=function("keras.activations", "deserialize")
    ),
    "in an initializer": layer("Dense", kernel_initializer=function("numpy", "load")),
    "in a wrapped layer": layer("TimeDistributed", layer=layer("Lambda", function=PAYLOAD)),
    "in the arguments of a call": layer("ReLU")
    | {"inbound_nodes": [{"args": [], "kwargs": {"inputs": PAYLOAD}}]},
    "in what a layer is built with": layer("Dense", units=2)
    | {"build_config": {"input_shape": PAYLOAD}},
    "in what a nested model is compiled with": sequential()
    | {"compile_config": {"loss": function("os", "system")}},
    "a class whose name is no text": layer("x") | {"class_name": ["Lambda"]},
    "a custom layer": layer("MyThing", "my_project.layers", registered="my_project>MyThing"),
}


@pytest.mark.parametrize("bypass", BYPASSES)
@pytest.mark.parametrize("depth", [0, 1], ids=["plain", "nested"])
def test_every_known_way_round_safe_mode_is_refused(bypass: str, depth: int) -> None:
    config = (
        sequential(BYPASSES[bypass])
        if not depth
        else sequential(layer("ReLU"), sequential(BYPASSES[bypass]))
    )
    with pytest.raises(InputRefused, match="only Keras' own plain layers are loaded"):
        check_config(json.loads(json.dumps(config)), "model.keras")


def test_custom_layers_and_lambdas_are_named() -> None:
    with pytest.raises(InputRefused, match="layer 'evil' is a custom layer my_project>MyThing"):
        check_config(sequential(BYPASSES["a custom layer"]), "model.keras")
    with pytest.raises(InputRefused, match="layer 'evil' is a Lambda"):
        check_config(sequential(BYPASSES["Lambda of a named function"]), "model.keras")


def test_plain_layers_pass_and_what_keras_itself_never_reads_is_not_held_against_a_file() -> None:
    """Many honest files name a custom loss; Keras ignores it when it loads without compiling."""
    swish = {
        "module": "builtins",
        "class_name": "function",
        "config": "swish",
        "registered_name": "function",
    }
    config = sequential(layer("Dense", units=2, activation=swish)) | {
        "compile_config": {"loss": function("builtins", "my_loss")}
    }
    check_config(config, "model.keras")


def test_a_config_nested_a_million_deep_costs_no_stack() -> None:
    deep: dict = layer("Lambda")
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(InputRefused, match="Lambda"):
        check_config(sequential(deep), "model.keras")


def test_keras_2_is_recognised_by_its_modules() -> None:
    config = {
        "module": "keras.src.engine.functional",
        "class_name": "Functional",
        "config": {},
        "registered_name": "Functional",
    }
    with pytest.raises(InputRefused, match=r"written by Keras 2.*model.export\('FOLDER'\)"):
        check_config(config, "model.keras")


@pytest.mark.parametrize("config", [None, [], {}, {"config": {}}, "x"])
def test_a_config_that_is_no_model_is_refused(config: object) -> None:
    with pytest.raises(InputRefused, match="describes no model"):
        check_config(config, "model.keras")


@pytest.mark.parametrize(
    "part",
    [
        {"class_name": "function", "module": "builtins", "config": ["relu"]},
        {"class_name": [], "module": None},
        {"class_name": {}, "module": "keras.layers"},
    ],
)
def test_a_name_that_is_no_text_is_refused(part: dict) -> None:
    with pytest.raises(InputRefused):
        check_config(
            {
                "class_name": "Functional",
                "module": "keras.src.models.functional",
                "config": {"x": part},
            },
            "m.keras",
        )


def test_a_config_of_more_values_than_any_network_has_is_refused() -> None:
    with pytest.raises(InputRefused, match="more than 1000000 values"):
        check_config(
            {
                "class_name": "Functional",
                "module": "keras.src.models.functional",
                "registered_name": "Functional",
                "config": [[] for _ in range(1_000_001)],
            },
            "m",
        )
