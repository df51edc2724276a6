"""Tests the choice of prototypes, also of classes with hardly any images."""

import numpy as np

from workstation.similarity.prototypes import choose_prototypes, unit_rows


def test_class_with_two_looks_gets_a_prototype_for_each() -> None:
    looks = np.eye(8, dtype=np.float32)
    rows = np.repeat(looks[[0, 1, 2]], 10, axis=0) + 0.01
    found = choose_prototypes(rows, np.repeat([0, 0, 1], 10), 2, 10**6)
    similar = found.similarity(looks[:4])
    assert (similar[[0, 1], 0] > 0.99).all()
    assert similar[2, 0] < 0.2
    assert similar[2, 1] > 0.99
    assert (similar[3] < 0.2).all()


def test_one_image_identical_images_and_no_image_make_a_table() -> None:
    rows = np.ones((13, 4), np.float32)
    rows[0] = (1, 0, 0, 0)
    found = choose_prototypes(rows, np.array([0] + [1] * 12), 3, 10**6)
    similar = found.similarity(rows[:2])
    np.testing.assert_allclose(similar, [[1, 0.5, 0], [0.5, 1, 0]], atol=1e-6)


def test_prototypes_take_a_small_share_of_the_file() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 100)).astype(np.float32)
    truth = np.repeat(range(10), 40)
    for size, looks in ((10**6, 4), (110_000, 2), (10, 1)):
        assert choose_prototypes(rows, truth, 10, size).table.shape == (10, looks, 100)


def test_row_of_zeros_is_similar_to_nothing() -> None:
    assert (unit_rows(np.zeros((1, 3))) == 0).all()
