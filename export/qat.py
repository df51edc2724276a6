"""Quantization-aware fine-tuning: the network learns to give its own float answers with int8 weights and activations.

What it learns from is the float model's scores of the training pictures, not their labels: it shall stay the same classifier
(Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015). Gradients pass rounding straight through.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.fake_quantization import fake_quantize, fake_quantize_kernel
from export.keras_model import scores
from export.trained import Run, balanced
from runtime.errors import CheckFailed
from runtime.preprocess import preprocess
from runtime.progress import Progress, track
from runtime.run_folder import Picture
from runtime.threads import allowed_cores

RATE = 2e-3
"""Of Adam, in units of a weight's own size, so that it suits every layer: a step changes a weight by at most about 0.2 % of that."""
BATCH = 32
PATIENCE = 2
"""Epochs without a lower validation loss after which it stops."""
MOST_BYTES = 2**30
"""Of pixels in memory; where there are more training pictures, so many of them, evenly over the classes."""


def fine_tune(model: keras.Model, run: Run, calibration: NDArray[np.uint8], epochs: int, seed: int) -> keras.Model:
    """A fake-quantized copy of `model`, fine-tuned: that of the lowest validation loss, which is the untuned one if nothing is lower.

    Args:
        model: float RGB pixels 0..255 -> probabilities.
        run: its training and validation pictures are used.
        calibration: (n, height, width, 3) uint8 RGB; the ranges of activations start at what they are on these.
        epochs: at most so many.
        seed: of the order of pictures.

    Raises:
        InputRefused: the model has a layer that fake quantization does not know; or the run has no pictures of one of the splits.
        CheckFailed: the loss became NaN.
    """
    keras.utils.set_random_seed(seed)
    student = _Student(fake_quantize(model, calibration))
    room = MOST_BYTES // calibration[0].nbytes
    train, val = (_pixels(run, balanced(run.split(split), room, seed)) for split in ("train", "val"))
    targets, val_targets = (_answers(model, pixels) for pixels in (train, val))
    steps = -(-len(train) // BATCH)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, epochs * steps))
    generator = np.random.default_rng(seed)
    best, weights, since = student.loss(val, val_targets), student.model.get_weights(), 0
    with Progress("fine-tune for int8", epochs * steps) as bar:
        for epoch in range(epochs):
            order = generator.permutation(len(train))
            for start in range(0, len(train), BATCH):
                chosen = order[start : start + BATCH]
                loss = student.learn(train[chosen], targets[chosen], optimizer)
                if not math.isfinite(loss):
                    raise CheckFailed("--qat", f"the loss became {loss} in epoch {epoch + 1}")
                bar.advance(note=f"epoch {epoch + 1} loss {loss:.4f} val {best:.4f}")
            found = student.loss(val, val_targets)
            since = 0 if found < best else since + 1
            if found < best:
                best, weights = found, student.weights()
            if since == PATIENCE:
                break
    student.model.set_weights(weights)
    return student.model


class _Student:
    """A fake-quantized model whose kernels too are rounded wherever it is run here; the loss is cross-entropy with given scores."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        depthwise = {id(layer.kernel) for layer in model.layers if isinstance(layer, keras.layers.DepthwiseConv2D)}
        variables = model.trainable_variables
        self._kernels = [(one.name == "kernel", id(one) in depthwise) for one in variables]
        self._sizes = [_size(one.numpy(), depthwise=id(one) in depthwise) for one in variables]
        self._free = [keras.Variable(one.numpy() / size) for one, size in zip(variables, self._sizes, strict=True)]
        self._learn = tf.function(self._learning)
        self._answer = tf.function(lambda pixels: self._run(self._values(), pixels, training=False)[0])

    def learn(self, pixels: NDArray[np.uint8], targets: NDArray[np.float32], optimizer: Any) -> float:
        """One step on a batch; returns the loss before it."""
        if not optimizer.built:
            optimizer.build(self._free)
        loss, gradients = self._learn(pixels.astype(np.float32), targets)
        optimizer.apply(gradients, self._free)
        return float(loss)

    def weights(self) -> list[NDArray[np.float32]]:
        """Those of the model, with what it has learned."""
        for variable, free, size in zip(self.model.trainable_variables, self._free, self._sizes, strict=True):
            variable.assign(free * size)
        kept: list[NDArray[np.float32]] = self.model.get_weights()
        return kept

    def loss(self, pixels: NDArray[np.uint8], targets: NDArray[np.float32]) -> float:
        """The mean loss on pictures, nothing learned."""
        answers = [self._answer(pixels[start : start + BATCH].astype(np.float32)) for start in range(0, len(pixels), BATCH)]
        return float(tf.reduce_mean(keras.losses.categorical_crossentropy(targets, tf.concat(answers, 0))))

    def _values(self) -> list[Any]:
        return [tf.convert_to_tensor(one) for one in self._free]

    def _run(self, values: Sequence[Any], pixels: Any, *, training: bool) -> Any:
        rounded = [
            fake_quantize_kernel(value * size, depthwise=depthwise) if kernel else value * size
            for value, size, (kernel, depthwise) in zip(values, self._sizes, self._kernels, strict=True)
        ]
        return self.model.stateless_call(rounded, self.model.non_trainable_variables, pixels, training=training)

    def _learning(self, pixels: Any, targets: Any) -> Any:
        values = self._values()
        with tf.GradientTape() as tape:
            tape.watch(values)
            answers, others = self._run(values, pixels, training=True)
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(targets, answers))
        for variable, value in zip(self.model.non_trainable_variables, others, strict=True):
            variable.assign(value)
        return loss, tape.gradient(loss, values)


def _size(weight: NDArray[np.float32], *, depthwise: bool) -> Any:
    """The root mean square of each output channel of a kernel; a bias's own magnitude; 1 where that is 0."""
    axes = (0, 1) if depthwise else tuple(range(weight.ndim - 1))
    size = np.sqrt(np.mean(weight**2, axis=axes, keepdims=True))
    return np.where(size > 0, size, 1).astype(np.float32)


def _pixels(run: Run, pictures: Sequence[Picture]) -> NDArray[np.uint8]:
    """(n, height, width, 3) uint8 RGB."""
    with ThreadPoolExecutor(allowed_cores()) as pool:
        read = pool.map(lambda picture: preprocess(run.read(picture), run.manifest.preprocessing), pictures)
        return np.stack(list(track(read, f"{pictures[0].split} pictures", len(pictures))))


def _answers(model: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.concatenate([scores(model, pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)])
