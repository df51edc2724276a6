"""Random layers whose draws depend on where a training is, and not on what they drew before: so it can go on from there."""

import keras

DRAWS = 2**20
"""Positions are so many draws apart: no epoch or batch draws more."""
SPREAD = 2_654_435_761
"""JAX counts draws in 32 bits: times this, positions lie far apart there too (Knuth, volume 3, section 6.4)."""


def reseed(model: keras.Model, position: int) -> None:
    """Puts every random layer of `model` (dropout, augmentation) at a position of its own sequence."""
    weights = {id(weight) for weight in model.weights}
    for state in model.variables:
        if id(state) not in weights:
            seed, _ = keras.ops.convert_to_numpy(state)
            state.assign([seed, position * DRAWS if state.dtype == "int64" else position * SPREAD % 2**32])
