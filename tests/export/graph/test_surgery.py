"""Checks that networks give the same scores after they were taken apart and rebuilt."""

import keras
import numpy as np
import pytest
from keras import layers

from export.graph.surgery import fold_batch_norms, graph_nodes
from runtime.errors import InputRefused


def difference(model, rebuilt, pixels) -> float:
    return float(np.abs(model.predict_on_batch(pixels) - rebuilt.predict_on_batch(pixels)).max())


@pytest.fixture(scope="module")
def pixels(calibration) -> np.ndarray:
    return calibration[:8].astype(np.float32)


def test_folding_keeps_the_scores_and_leaves_no_batch_norm(keras_model, pixels) -> None:
    folded = fold_batch_norms(keras_model)
    assert not [layer for layer in folded.layers if isinstance(layer, layers.BatchNormalization)]
    assert difference(keras_model, folded, pixels) < 1e-5
    assert [layer.name for layer in folded.layers if "conv" in layer.name][:2] == [
        "conv0",
        "conv0_relu",
    ]


def test_a_network_of_keras_applications_folds_with_the_same_scores(pixels, shake) -> None:
    model = keras.applications.MobileNetV2(
        weights=None, include_top=False, alpha=0.35, input_shape=(64, 64, 3), pooling="avg"
    )
    shake(model)
    folded = fold_batch_norms(model)
    assert not [layer for layer in folded.layers if isinstance(layer, layers.BatchNormalization)]
    assert len(graph_nodes(folded)) > 90
    assert difference(model, folded, pixels) < 1e-4


def test_batch_norm_stays_if_another_layer_also_reads_the_convolution(pixels, shake) -> None:
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    x = layers.Add()([layers.BatchNormalization(name="norm")(x), x])
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    shake(model)
    folded = fold_batch_norms(model)
    assert "norm" in [layer.name for layer in folded.layers]
    assert difference(model, folded, pixels) == 0


def test_depthwise_dense_and_biased_layers_fold_too(pixels, shake) -> None:
    inputs = keras.Input((64, 64, 3))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2)(inputs)
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.BatchNormalization(center=False)(layers.Conv2D(4, 3)(x))
    x = layers.BatchNormalization()(layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))
    model = keras.Model(inputs, x)
    shake(model)
    folded = fold_batch_norms(model)
    assert len(folded.layers) == 5
    np.testing.assert_allclose(
        folded.predict_on_batch(pixels), model.predict_on_batch(pixels), rtol=1e-3, atol=1e-2
    )


def test_a_layer_called_twice_is_refused() -> None:
    inputs, shared = keras.Input((8, 8, 3)), layers.Conv2D(3, 3, padding="same", name="shared")
    with pytest.raises(InputRefused, match="taken apart"):
        fold_batch_norms(keras.Model(inputs, shared(shared(inputs))))
