"""Computes scores and similarities with the Keras model, to compare its files with them."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from export.graph.batch_size import safe_batch_size
from export.parity.evaluate import Outputs, ReferenceOutputs
from export.parity.similarity_sample import SimilaritySample
from runtime.errors import CheckFailed
from workstation.similarity.prototypes import choose_prototypes

MAX_BATCH = 32


def keras_outputs(
    model: keras.Model, sample: SimilaritySample | None, labels: tuple[str, ...]
) -> ReferenceOutputs:
    """Returns a function from (n, height, width, channels) uint8 pixels to the model's outputs.

    There are no similarities without a sample, or if the model does not end with a Dense layer. The
    function raises
    CheckFailed for an answer that is no number.
    """
    features = last_features(model) if sample else None
    if features is None:
        both = model
    else:
        both = keras.Model(model.input, [model.output, keras.layers.Flatten()(features)])
    step = safe_batch_size(model, MAX_BATCH)

    def compute(pixels: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        parts = []
        for start in range(0, len(pixels), step):
            batch = pixels[start : start + step].astype(np.float32)
            parts.append(keras.tree.flatten(both.predict_on_batch(batch)))
        outputs = [np.concatenate(part) for part in zip(*parts, strict=True)]
        if not all(np.isfinite(output).all() for output in outputs):
            raise CheckFailed("model.keras", "the Keras model itself answers NaN or infinity")
        return outputs

    if features is None or sample is None:
        return lambda pixels: Outputs(compute(pixels)[0], None)
    prototypes = choose_prototypes(compute(sample.pixels)[1], sample.truth, len(labels))

    def with_similarities(pixels: NDArray[np.uint8]) -> Outputs:
        scores, rows = compute(pixels)
        similarities = prototypes.similarity(rows)
        if len(labels) == 1:  # as `Classifier.raw_outputs`
            scores = similarities.clip(0, 1)
        return Outputs(scores, similarities)

    return with_similarities


def last_features(model: keras.Model) -> Any | None:
    """Returns the tensor that the last Dense layer of a flat model reads, if it makes the scores.

    Only an activation, or a layer that does nothing at inference, may follow it.
    """
    tensor = model.output
    passed = (keras.layers.Softmax, keras.layers.Activation, keras.layers.Dropout)
    while True:
        operation = tensor._keras_history.operation
        if isinstance(operation, keras.layers.Dense):
            return operation.input
        if not isinstance(operation, passed):
            return None
        tensor = operation.input
