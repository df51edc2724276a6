"""A model file that takes several pictures a call must answer for each as if it were alone."""

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from export.formats.onnx_graph import INPUT
from runtime.errors import CheckFailed

TOLERANCE = 1e-2
"""Of a score. A matrix product of several rows is summed in another order, which moves a value of 8 bits by at most a few steps."""
LOG_NOTHING_BUT_FATAL = 4


def check_rows(content: bytes, pictures: NDArray[np.uint8]) -> None:
    """Runs as many different pictures as it takes, in one order and turned by one place.

    Args:
        content: the `.onnx` file, of raw pixels or of floats.
        pictures: (n, height, width, 3) uint8 to take them from; noise where there are too few.

    Raises:
        CheckFailed: a picture's scores depend on its place in the batch.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_NOTHING_BUT_FATAL
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    batch = taken.shape[0]
    values = np.random.default_rng(0).integers(0, 256, taken.shape).astype(np.uint8)
    if len(pictures) >= batch:
        values = pictures[:batch] if taken.type == "tensor(uint8)" else pictures[:batch].transpose(0, 3, 1, 2)
    if taken.type != "tensor(uint8)":
        values = values.astype(np.float32) / 255
    scores, turned = (session.run(None, {INPUT: np.roll(values, places, axis=0)})[0] for places in (0, 1))
    difference = float(np.abs(np.roll(scores, 1, axis=0) - turned).max())
    if difference > TOLERANCE:
        raise CheckFailed(f"--batch {batch}", f"a picture's scores change by {difference:.3f} with its place in the batch; use --batch 1")
