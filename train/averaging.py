"""Adam with a running average of the weights that is put in their place when it is asked for."""

from collections.abc import Sequence
from typing import Any

import keras


class Averaging(keras.optimizers.Adam):  # type: ignore[misc]
    """Keras' own average (`use_ema`), which Keras puts in the weights' place at the end of every call of `fit`: here one call is one epoch,
    and the next one goes on from the weights."""

    def __init__(self, rate: Any, momentum: float | None) -> None:
        """momentum: the part of itself that the average keeps at each step; None: there is no average."""
        super().__init__(rate, use_ema=momentum is not None, ema_momentum=momentum or 0.0)

    def finalize_variable_values(self, trainable_variables: Sequence[Any]) -> None:
        """Nothing."""

    def put_average(self, trainable_variables: Sequence[Any]) -> None:
        """Sets the variables this optimizer was built for to their average; without one they stay."""
        if self.use_ema:
            super().finalize_variable_values(trainable_variables)
            for variable in trainable_variables:  # on JAX it is now the very array of the average, which would go with it
                variable.assign(keras.ops.convert_to_numpy(variable).copy())
