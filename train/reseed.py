"""Random layers whose draws depend on where a training is, and not on what they drew before: so it can go on from there."""

import keras

DRAWS = 2**20
"""Positions are so many draws apart: no epoch or batch draws more."""


def reseed(model: keras.Model, position: int) -> None:
    """Puts every random layer of `model` (dropout, augmentation) at a position of its own sequence."""
    weights = {id(weight) for weight in model.weights}
    for state in model.variables:
        if id(state) not in weights:
            seed, _ = keras.ops.convert_to_numpy(state)
            state.assign([seed, position * DRAWS])
