"""The Keras model of a run folder, loaded to be asked what is in pictures."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from runtime.classifier import Prediction, rank
from runtime.errors import CheckFailed, InputRefused
from runtime.manifest import Manifest
from runtime.memory import limited_memory
from runtime.quiet import quiet
from runtime.run_folder import MODEL

BASE_BYTES, BYTES_PER_BYTE = 2 * 2**30, 6
"""What loading may take: Keras holds a file's content, the variables and a copy of them for a moment."""

BROKEN = (ValueError, TypeError, OSError, KeyError, AttributeError, NotImplementedError, tf.errors.OpError)
"""What Keras and TensorFlow raise on files that are not what they say."""


class Trained:
    """A loaded model with its labels and preprocessing."""

    def __init__(self, run: Path, manifest: Manifest) -> None:
        """Loads the model of a run folder that `runtime.run_folder.read_run` has checked.

        Raises:
            InputRefused: Keras cannot load it within its memory, or it is not the model that the manifest describes.
        """
        self.labels, self.preprocessing, self._file = manifest.labels, manifest.preprocessing, run / MODEL
        limit = BASE_BYTES + BYTES_PER_BYTE * self._file.stat().st_size
        try:
            with quiet(), limited_memory(limit):
                model = keras.models.load_model(self._file, compile=False, safe_mode=True)
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            raise InputRefused(str(self._file), f"loading it takes more than the {limit >> 20} MB a file of its size may need") from error
        except BROKEN as error:
            raise InputRefused(str(self._file), f"Keras cannot load it: {' '.join(str(error).split())[:300]}") from error
        wanted = ((None, self.preprocessing.height, self.preprocessing.width, 3), (None, len(self.labels)))
        found = (getattr(model, "input_shape", None), getattr(model, "output_shape", None))
        if found != wanted:
            raise InputRefused(str(self._file), f"expected input and output {wanted} as its manifest.json says, found {found}")
        self._step = tf.function(model, input_signature=[tf.TensorSpec(wanted[0], tf.float32)])

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(n, height, width, 3) uint8 RGB -> (n, classes) float32 probabilities.

        Raises:
            CheckFailed: one is not a finite number.
        """
        with quiet():
            scores = np.asarray(self._step(pixels.astype(np.float32)), np.float32)
        if not np.isfinite(scores).all():
            raise CheckFailed(str(self._file), "the model answered NaN or infinity")
        return scores

    def answer(self, pixels: NDArray[np.uint8], top: int) -> tuple[Prediction, ...]:
        """The `top` classes of (height, width, 3) uint8 RGB pixels, the best first.

        Raises:
            CheckFailed: the model answered NaN.
        """
        return rank(self.scores(pixels[None])[0], self.labels, top)
