"""Fine-tunes a network so that it gives its own float scores with int8 weights and activations.

It learns from the float model's scores of the training images, not from their labels, because it
must stay the same classifier (Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural
Network", 2015). Gradients pass straight through rounding.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from export.inputs.keras_loader import scores
from export.inputs.trained_run import TrainedRun, stratified_sample
from export.quantization.fake_quantization import fake_quantize, fake_quantize_kernel
from runtime.errors import CheckFailed
from runtime.images.preprocessing import preprocess
from runtime.shared.progress import Progress, track
from runtime.system.cgroups import allowed_cores
from workstation.run_folder import ImageRecord

RATE = 2e-3
"""Adam's learning rate in units of a weight's own size, so that it suits every layer: a step
changes a weight by at most about 0.2 % of it."""
BATCH = 32
PATIENCE = 2
"""Epochs without a lower validation loss after which the training stops."""
MAX_BYTES = 2**30
"""Of pixels in memory. If all training images need more, a sample evenly over the classes is
used."""


def fine_tune(
    model: keras.Model, run: TrainedRun, calibration: NDArray[np.uint8], epochs: int, seed: int
) -> keras.Model:
    """Returns a fake-quantized copy of `model`, fine-tuned, with the lowest validation loss.

    That is the untuned copy if no epoch improves it.

    Args:
        model: float pixels 0..255 -> probabilities.
        run: its training and validation images are used.
        calibration: (n, height, width, channels) uint8; the activation ranges start with those on
        these.
        epochs: the most epochs.
        seed: decides the order of the images.

    Raises:
        InputRefused: fake quantization does not know a layer, or the run has no images of a split.
        CheckFailed: the loss became NaN.
    """
    keras.utils.set_random_seed(seed)
    student = _Student(fake_quantize(model, calibration))
    max_images = MAX_BYTES // calibration[0].nbytes
    train, val = (
        _pixels(run, stratified_sample(run.split(split), max_images, seed))
        for split in ("train", "val")
    )
    targets, val_targets = (_float_scores(model, pixels) for pixels in (train, val))
    steps = -(-len(train) // BATCH)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(RATE, epochs * steps))
    generator = np.random.default_rng(seed)
    best_loss, best_weights = student.loss(val, val_targets), student.model.get_weights()
    epochs_since_best = 0
    with Progress("fine-tune for int8", epochs * steps) as bar:
        for epoch in range(epochs):
            order = generator.permutation(len(train))
            for start in range(0, len(train), BATCH):
                chosen = order[start : start + BATCH]
                loss = student.learn(train[chosen], targets[chosen], optimizer)
                if not math.isfinite(loss):
                    raise CheckFailed("--qat", f"the loss became {loss} in epoch {epoch + 1}")
                bar.advance(note=f"epoch {epoch + 1} loss {loss:.4f} val {best_loss:.4f}")
            val_loss = student.loss(val, val_targets)
            if val_loss < best_loss:
                best_loss, best_weights, epochs_since_best = val_loss, student.weights(), 0
            else:
                epochs_since_best += 1
            if epochs_since_best == PATIENCE:
                break
    student.model.set_weights(best_weights)
    return student.model


class _Student:
    """Trains a fake-quantized model whose kernels are also rounded each time it runs here.

    The loss is the cross-entropy with target scores.
    """

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
        depthwise = {
            id(layer.kernel)
            for layer in model.layers
            if isinstance(layer, keras.layers.DepthwiseConv2D)
        }
        variables = model.trainable_variables
        self._is_kernel = [variable.name == "kernel" for variable in variables]
        self._is_depthwise = [id(variable) in depthwise for variable in variables]
        self._sizes = [
            _size(variable.numpy(), depthwise=is_depthwise)
            for variable, is_depthwise in zip(variables, self._is_depthwise, strict=True)
        ]
        self._free = [
            keras.Variable(variable.numpy() / size)
            for variable, size in zip(variables, self._sizes, strict=True)
        ]
        pixels, targets = (
            tf.TensorSpec((None, *shape[1:]), tf.float32)
            for shape in (model.input_shape, model.output_shape)
        )
        self._learn = tf.function(
            self._learn_batch, input_signature=(pixels, targets), autograph=False
        )
        self._scores = tf.function(
            lambda pixels: self._run(self._values(), pixels, training=False)[0],
            input_signature=(pixels,),
            autograph=False,
        )

    def learn(
        self, pixels: NDArray[np.uint8], targets: NDArray[np.float32], optimizer: Any
    ) -> float:
        """Learns from one batch and returns the loss before that."""
        if not optimizer.built:
            optimizer.build(self._free)
        loss, gradients = self._learn(pixels.astype(np.float32), targets)
        optimizer.apply(gradients, self._free)
        return float(loss)

    def weights(self) -> list[NDArray[np.float32]]:
        """Returns the weights of the model as learned so far."""
        variables = self.model.trainable_variables
        for variable, free, size in zip(variables, self._free, self._sizes, strict=True):
            variable.assign(free * size)
        weights: list[NDArray[np.float32]] = self.model.get_weights()
        return weights

    def loss(self, pixels: NDArray[np.uint8], targets: NDArray[np.float32]) -> float:
        """Returns the mean loss on images without learning from them."""
        batches = [
            self._scores(pixels[start : start + BATCH].astype(np.float32))
            for start in range(0, len(pixels), BATCH)
        ]
        losses = keras.losses.categorical_crossentropy(targets, tf.concat(batches, 0))
        return float(tf.reduce_mean(losses))

    def _values(self) -> list[Any]:
        return [tf.convert_to_tensor(free) for free in self._free]

    def _run(self, values: Sequence[Any], pixels: Any, *, training: bool) -> Any:
        weights = []
        for value, size, is_kernel, is_depthwise in zip(
            values, self._sizes, self._is_kernel, self._is_depthwise, strict=True
        ):
            weight = value * size
            if is_kernel:
                weight = fake_quantize_kernel(weight, depthwise=is_depthwise)
            weights.append(weight)
        return self.model.stateless_call(
            weights, self.model.non_trainable_variables, pixels, training=training
        )

    def _learn_batch(self, pixels: Any, targets: Any) -> Any:
        values = self._values()
        with tf.GradientTape() as tape:
            tape.watch(values)
            predicted, state = self._run(values, pixels, training=True)
            loss = tf.reduce_mean(keras.losses.categorical_crossentropy(targets, predicted))
        for variable, value in zip(self.model.non_trainable_variables, state, strict=True):
            variable.assign(value)
        return loss, tape.gradient(loss, values)


def _size(weight: NDArray[np.float32], *, depthwise: bool) -> Any:
    """Returns the root mean square of each output channel of a kernel, or a bias's own magnitude.

    It is 1 where that is 0.
    """
    axes = (0, 1) if depthwise else tuple(range(weight.ndim - 1))
    size = np.sqrt(np.mean(weight**2, axis=axes, keepdims=True))
    return np.where(size > 0, size, 1).astype(np.float32)


def _pixels(run: TrainedRun, images: Sequence[ImageRecord]) -> NDArray[np.uint8]:
    """Returns (n, height, width, channels) uint8."""
    with ThreadPoolExecutor(allowed_cores()) as pool:
        pixels = pool.map(
            lambda image: preprocess(run.read(image), run.manifest.preprocessing), images
        )
        return np.stack(list(track(pixels, f"{images[0].split} images", len(images))))


def _float_scores(model: keras.Model, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.concatenate(
        [scores(model, pixels[start : start + BATCH]) for start in range(0, len(pixels), BATCH)]
    )
