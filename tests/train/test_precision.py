"""When float16 arithmetic is chosen. That a model trained so is published in float32 is in test_recipe.py."""

import keras
import pytest

from train.precision import FLOAT32, MIXED, capabilities, policy, precision


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ([], FLOAT32),
        ([(6, 1)], FLOAT32),
        ([(7, 0)], MIXED),
        ([(9, 0), (8, 6)], MIXED),
        ([(8, 6), (5, 2)], FLOAT32),
        ([None], FLOAT32),
        ([(10, 0)], MIXED),
    ],
)
def test_mixed_on_fast_cards_only_and_never_on_a_cpu(cards: list[tuple[int, int] | None], expected: str) -> None:
    assert policy(cards) == expected


def test_this_machine_is_asked() -> None:
    import tensorflow as tf

    assert len(capabilities()) == len(tf.config.list_physical_devices("GPU"))


def test_arithmetic_is_as_before_afterwards_even_after_an_error() -> None:
    before = keras.mixed_precision.dtype_policy().name
    with pytest.raises(KeyError), precision(MIXED):
        assert keras.layers.Dense(1).compute_dtype == "float16"
        raise KeyError
    assert keras.mixed_precision.dtype_policy().name == before
