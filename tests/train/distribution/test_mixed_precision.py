"""When float16 arithmetic is chosen; test_train_and_evaluate.py trains with it."""

import keras
import pytest

from train.distribution.mixed_precision import (
    FLOAT32,
    MIXED,
    choose_policy,
    compute_capabilities,
    precision,
)


@pytest.mark.parametrize(
    ("capabilities", "policy"),
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
def test_mixed_on_fast_cards_only_and_never_on_a_cpu(
    capabilities: list[tuple[int, int] | None], policy: str
) -> None:
    assert choose_policy(capabilities) == policy


def test_each_card_of_this_machine_has_an_entry() -> None:
    import tensorflow as tf

    assert len(compute_capabilities()) == len(tf.config.list_physical_devices("GPU"))


def test_the_policy_is_as_before_after_the_block_even_after_an_error() -> None:
    before = keras.mixed_precision.dtype_policy().name
    with pytest.raises(KeyError), precision(MIXED):
        assert keras.layers.Dense(1).compute_dtype == "float16"
        raise KeyError
    assert keras.mixed_precision.dtype_policy().name == before
