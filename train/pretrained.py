"""Puts weights that were trained before into a backbone: those of a package, those Keras fetches, or those of a file."""

import socket
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import keras
from keras import layers

from runtime import cli
from runtime.errors import InputRefused, MachineError
from runtime.quiet import quiet
from train.backbones import OFFLINE, Backbone
from train.network import application_options, build_network
from train.settings import Settings
from train.weights_file import count_arrays

PATIENCE_SECONDS = 30.0
"""How long a server may say nothing while weights are fetched."""


def load_pretrained(base: keras.Model, backbone: Backbone, settings: Settings) -> None:
    """Fills `base`, a model of pixels that `backbone` was built in, with the weights that `settings` names.

    Raises:
        InputRefused: the file of weights cannot be read or does not fit.
        MachineError: the weights cannot be fetched, or the package that holds them is missing.
    """
    if settings.weights_file is None and backbone.imagenet:
        backbone.imagenet.load()(base)
        return
    path = settings.weights_file
    network = _from_file(path, backbone, settings.width) if path else _fetched(backbone, settings.width)
    for target, source in zip(_with_weights(base), _with_weights(network), strict=True):
        target.set_weights(source.get_weights())


def _fetched(backbone: Backbone, width: float) -> keras.Model:
    """The network with the weights Keras keeps for it, at the size they were trained at: some are to be had at no other."""
    build, side = backbone.network.load(), backbone.input_size
    options = application_options(backbone, width)
    cli.say(f"ImageNet weights of {build.__name__}: from Keras, fetched when first used")
    try:
        with quiet(1, 2), _timeout(PATIENCE_SECONDS):
            network: keras.Model = build(input_shape=(side, side, 3), include_top=False, weights="imagenet", **options)
    except Exception as error:  # Keras raises nothing narrower where a file cannot be fetched
        reason = " ".join(str(error).split())[:200]
        known = ", ".join(OFFLINE)
        raise MachineError(
            f"weights of {build.__name__}",
            f"cannot be fetched ({reason}); give them with --weights FILE, or take a backbone whose weights are installed: {known}",
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


def _from_file(path: Path, backbone: Backbone, width: float) -> keras.Model:
    """The network alone, filled from a file that holds its weights, with or without a Dense head behind them."""
    inputs = keras.Input((backbone.input_size, backbone.input_size, 3))
    network = keras.Model(inputs, build_network(inputs, backbone, width))
    held, wanted = count_arrays(path), sum(len(layer.weights) for layer in _with_weights(network))
    if held is not None and held != wanted - sum(len(layer.weights) for layer in network.layers if isinstance(layer, layers.Dense)):
        raise InputRefused(str(path), f"not the weights of this backbone: it has {wanted} arrays of weights, the file {held}")
    try:
        with quiet(), warnings.catch_warnings(action="ignore"):  # of bookkeeping that Keras 3.15 looks for in a file and never writes
            network.load_weights(path)
    except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        raise InputRefused(str(path), f"not the weights of this backbone ({' '.join(str(error).split())[:200]})") from error
    return network


def _with_weights(network: keras.Model) -> list[keras.layers.Layer]:
    return [layer for layer in network.layers if layer.weights and not isinstance(layer, layers.Normalization)]
