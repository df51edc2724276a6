"""Defines the error that quantization makes in one layer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerError:
    """An operator of the int8 model.

    steps: root mean square difference from the float operator, in steps of the output's scale;
        rounding alone gives 0.29 (1 / sqrt(12): an error spread evenly over one step).
    lost: root mean square difference of a channel divided by the root mean square of its values,
        at most 1, mean over the channels: 0 none, 1 all.
    scale: of its output.
    input_layer, input_scale: the layer before it in the graph, and the scale of its output.
    """

    layer: str
    operator: str
    steps: float
    lost: float
    scale: float
    input_layer: str
    input_scale: float
