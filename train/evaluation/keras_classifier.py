"""Loads the Keras model of a run folder, and classifies images with it."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runtime.answer import Answer, rank
from runtime.errors import CheckFailed, InputRefused
from runtime.models.manifest import Manifest
from runtime.system.terminal import quiet
from workstation.keras_loading import load_keras_file
from workstation.run_folder import MODEL


class KerasClassifier:
    """Holds a loaded model with its labels and preprocessing."""

    def __init__(self, run: Path, manifest: Manifest) -> None:
        """Loads the model of a run folder that `workstation.run_folder.read_run` has checked.

        Raises:
            InputRefused: Keras cannot load the model within its memory limit, or the model does not
                have the shapes in the manifest.
        """
        self.labels, self.preprocessing = manifest.labels, manifest.preprocessing
        self._file = run / MODEL
        model = load_keras_file(self._file)
        expected = (
            (None, *self.preprocessing.shape),
            (None, len(self.labels)),
        )
        shapes = (getattr(model, "input_shape", None), getattr(model, "output_shape", None))
        if shapes != expected:
            raise InputRefused(
                str(self._file),
                f"expected input and output {expected} as in its manifest.json, found {shapes}; "
                "train again",
            )
        signature = [tf.TensorSpec(expected[0], tf.float32)]
        self._function = tf.function(model, input_signature=signature)

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns (n, classes) float32 probabilities of (n, height, width, channels) uint8 pixels.

        Raises:
            CheckFailed: a probability is not a finite number.
        """
        with quiet():
            scores = np.asarray(self._function(pixels.astype(np.float32)), np.float32)
        if not np.isfinite(scores).all():
            raise CheckFailed(str(self._file), "the model answered NaN or infinity")
        return scores

    def answer(self, pixels: NDArray[np.uint8], top: int) -> Answer:
        """Returns the `top` classes of (height, width, channels) uint8 pixels, the best first.

        Raises:
            CheckFailed: the model answered NaN.
        """
        return Answer(rank(self.scores(pixels[None])[0], self.labels, top))
