"""Gives a model with a single score, as of `Dense(1, "sigmoid")`, one for each of two classes.

The rest of Quince, and TFLite's own tools, expect one score a class. sigmoid(x) is the second part
of the softmax of (-x/2, x/2), so the weights of the last layer are taken half, once with each sign.
"""

from typing import Any

import keras
import numpy as np
from keras import layers

from runtime.errors import InputRefused

HALVES = np.array([[-0.5, 0.5]], np.float32)
"""Turns a logit x into (-x/2, x/2)."""
COMPLEMENT, SHIFT = np.array([[-1.0, 1.0]], np.float32), np.array([1.0, 0.0], np.float32)
"""Turn a probability p into (1 - p, p)."""


def with_two_scores(model: keras.Model, name: str, *, is_logit: bool) -> keras.Model:
    """Returns a flat model of output (batch, 1) with the output (batch, 2): 1 - p and p.

    Args:
        model: its score is the probability p of the second class, or the logit of p.
        name: of the model, for errors.
        is_logit: whether the user stated that the score is a logit.

    Raises:
        InputRefused: the score is a softmax of one number, or a sigmoid that is called a logit.
    """
    last = model.layers[-1]
    activation = getattr(last, "activation", None)
    if activation is keras.activations.softmax or isinstance(last, layers.Softmax):
        raise InputRefused(
            name,
            "its single output is the softmax of one number, which is always 1; train it with a"
            " sigmoid, or with one output a class",
        )
    is_sigmoid = activation is keras.activations.sigmoid
    if is_sigmoid and is_logit:
        raise InputRefused(name, "gives a probability already; leave out --scores logits")
    if not (is_logit or (is_sigmoid and isinstance(last, layers.Dense | layers.Activation))):
        both = _dense(last, model.output, COMPLEMENT, [SHIFT], activation="linear")
        return keras.Model(model.input, both, name=model.name)
    logit = last.input if isinstance(last, layers.Activation) and is_sigmoid else model.output
    dense = logit._keras_history.operation if isinstance(last, layers.Activation) else last
    is_last = dense is last and is_sigmoid
    if isinstance(dense, layers.Dense) and (is_last or _is_linear(dense)):
        kernel, *bias = (np.asarray(weight, np.float32) for weight in dense.get_weights())
        both = _dense(dense, dense.input, kernel @ HALVES, [part[0] * HALVES[0] for part in bias])
    else:  # a logit in 8 bits of its own would tie
        both = _dense(last, logit, HALVES, [])
    return keras.Model(model.input, both, name=model.name)


def _is_linear(dense: Any) -> bool:
    return dense.activation is keras.activations.linear


def _dense(
    last: Any, tensor: Any, kernel: Any, bias: list[Any], activation: str = "softmax"
) -> Any:
    layer = layers.Dense(
        2, activation=activation, use_bias=bool(bias), name=f"{last.name}_both_classes"
    )
    both = layer(tensor)
    layer.set_weights([kernel, *bias])
    return both
