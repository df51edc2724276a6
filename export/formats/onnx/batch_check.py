"""Checks that a model file for several images a call scores each image as if it were alone."""

import numpy as np
from numpy.typing import NDArray

from export.formats.onnx.graph import INPUT, cpu_session
from runtime.errors import CheckFailed

TOLERANCE = 1e-2
"""Of a score. A matrix product of several rows adds up in another order, which moves a value of 8
bits by a few steps at most."""


def check_batch_rows(content: bytes, images: NDArray[np.uint8]) -> None:
    """Runs one batch of different images twice, the second time rotated by one place.

    Args:
        content: the `.onnx` file, of raw pixels or of floats.
        images: (n, height, width, 3) uint8 for the batch; noise is used if they are too few.

    Raises:
        CheckFailed: an image's scores depend on its place in the batch.
    """
    session = cpu_session(content)
    (model_input,) = session.get_inputs()
    batch = model_input.shape[0]
    takes_floats = model_input.type != "tensor(uint8)"
    if len(images) >= batch:
        values = images[:batch].transpose(0, 3, 1, 2) if takes_floats else images[:batch]
    else:
        noise = np.random.default_rng(0).integers(0, 256, model_input.shape)
        values = noise.astype(np.uint8)
    feed = values.astype(np.float32) / 255 if takes_floats else values
    (scores,) = session.run(None, {INPUT: feed})
    (rotated,) = session.run(None, {INPUT: np.roll(feed, 1, axis=0)})
    difference = float(np.abs(np.roll(scores, 1, axis=0) - rotated).max())
    if difference > TOLERANCE:
        raise CheckFailed(
            f"--batch {batch}",
            f"an image's scores change by {difference:.3f} with its place in the batch;"
            " use --batch 1",
        )
