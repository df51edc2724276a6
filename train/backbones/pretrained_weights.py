"""Puts pretrained weights into a backbone: from a package, from Keras' server, or from a file."""

import socket
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from runtime.errors import InputRefused, MachineError
from runtime.system.terminal import quiet, say
from train.backbones.build import application_options, build_network, is_grouped
from train.backbones.registry import OFFLINE, Backbone
from train.backbones.weights_file import count_arrays

TIMEOUT_S = 30.0
"""The longest silence of the server while weights are fetched."""


def load_pretrained(
    base: keras.Model, backbone: Backbone, weights_file: Path | None, width: float
) -> None:
    """Fills `base`, a model of pixels that contains `backbone`, with pretrained weights.

    They come from `weights_file`, or else from where the backbone has its ImageNet weights.

    Raises:
        InputRefused: the weights file cannot be read or does not fit.
        MachineError: the weights cannot be fetched, or the package that holds them is missing.
    """
    if weights_file is None and backbone.imagenet:
        backbone.imagenet.load()(base)
        return
    if weights_file:
        network = _read_network(weights_file, backbone, width)
    else:
        network = _fetch_network(backbone, width)
    for target, source in zip(_with_weights(base), _with_weights(network), strict=True):
        target.set_weights(_fitting_weights(target, source))


def _fitting_weights(target: layers.Layer, source: layers.Layer) -> list[NDArray[np.float32]]:
    """Returns the weights of `source`, a kernel in groups as the depthwise kernel of `target`."""
    arrays: list[NDArray[np.float32]] = source.get_weights()
    if isinstance(target, layers.DepthwiseConv2D) and isinstance(source, layers.Conv2D):
        arrays[0] = arrays[0].swapaxes(2, 3)  # (height, width, 1, channels)
    return arrays


def _fetch_network(backbone: Backbone, width: float) -> keras.Model:
    """Returns the network with the ImageNet weights that Keras downloads.

    It has the input size it was trained at; some networks have weights for no other size.
    """
    build, side = backbone.network.load(), backbone.input_size
    options = application_options(backbone, width)
    say(f"ImageNet weights of {build.__name__}: from Keras, fetched when first used")
    try:
        with quiet(1, 2), _timeout(TIMEOUT_S):
            network: keras.Model = build(
                input_shape=(side, side, 3), include_top=False, weights="imagenet", **options
            )
    except Exception as error:  # Keras raises nothing narrower where a file cannot be fetched
        reason = " ".join(str(error).split())[:200]
        raise MachineError(
            f"weights of {build.__name__}",
            f"cannot be fetched ({reason}); use --weights FILE, or a backbone whose weights are "
            f"installed: {', '.join(OFFLINE)}",
        ) from error
    return network


@contextmanager
def _timeout(seconds: float) -> Generator[None, None, None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _read_network(
    path: Path, backbone: Backbone, width: float, depthwise: bool = False
) -> keras.Model:
    """Returns the network alone, with the weights of a file, which may have a Dense head too.

    depthwise: as for `build_network`. The file of a run needs it, if the network has groups.
    """
    inputs = keras.Input((backbone.input_size, backbone.input_size, 3))
    network = keras.Model(inputs, build_network(inputs, backbone, width, depthwise))
    expected = sum(
        len(layer.weights)
        for layer in _with_weights(network)
        if not isinstance(layer, layers.Dense)
    )
    count = count_arrays(path)
    if count is not None and count != expected:
        raise InputRefused(
            str(path),
            f"not the weights of this backbone: expected {expected} arrays, found {count}",
        )
    try:
        # Keras 3.15 warns of bookkeeping that it looks for in a file and never writes.
        with quiet(), warnings.catch_warnings(action="ignore"):
            network.load_weights(path)
    except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        if not depthwise and any(map(is_grouped, network.layers)):
            return _read_network(path, backbone, width, depthwise=True)
        raise InputRefused(
            str(path), f"not the weights of this backbone ({' '.join(str(error).split())[:200]})"
        ) from error
    return network


def _with_weights(network: keras.Model) -> list[keras.layers.Layer]:
    return [
        layer
        for layer in network.layers
        if layer.weights and not isinstance(layer, layers.Normalization)
    ]
