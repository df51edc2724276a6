"""What the user, or the file itself, says of a model file of someone else's; `runtime.foreign_file` opens one."""

from typing import Literal, NamedTuple

from runtime.preprocess import Fit
from runtime.scaling import Scaling
from runtime.tensors import Layout

Channels = Literal["rgb", "bgr"]
Scores = Literal["probabilities", "logits"]


class Foreign(NamedTuple):
    """What is known of a model of someone else's; None: not said.

    labels: in output order. labels_from: what an error about them names.
    scaling: what becomes of a pixel; without one, a uint8 input takes it as it is.
    input_size: (height, width) of the picture. scores: without it, logits if the model does not end with a softmax or sigmoid.
    """

    labels: tuple[str, ...] | None = None
    labels_from: str | None = None
    scaling: Scaling | None = None
    fit: Fit | None = None
    input_size: tuple[int, int] | None = None
    layout: Layout | None = None
    channels: Channels | None = None
    scores: Scores | None = None
