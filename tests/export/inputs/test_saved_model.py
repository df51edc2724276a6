"""SavedModels are read before they are loaded, and refused if they do more than compute."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from export.graph.wrapping import Wrapping
from export.inputs.keras_loader import load_flat_model
from export.inputs.saved_model import check_saved_model
from runtime.errors import CheckFailed, InputRefused
from runtime.models.normalization import MODES

SIDE = 32


def network() -> keras.Model:
    inputs = keras.Input((SIDE, SIDE, 3))
    x = layers.GlobalMaxPooling2D()(layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(inputs)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(x))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return network()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "net"
    model.export(path, verbose=False)
    return path


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "net"))


def save(path: Path, function, dtype=tf.float32, **parts: object) -> Path:
    """A SavedModel whose signature runs `function` on (batch, SIDE, SIDE, 3)."""
    module = tf.Module()
    for name, part in parts.items():
        setattr(module, name, part)
    module.serve = tf.function(
        function, input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3), dtype, name="image")]
    )
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})
    return path


def pool(image):
    return tf.nn.softmax(tf.reduce_max(tf.cast(image, tf.float32), axis=(1, 2)))


def test_gives_what_the_model_gives(folder: Path, model) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.float32)
    loaded = load_flat_model(folder)
    assert loaded.input_shape == (None, SIDE, SIDE, 3)
    np.testing.assert_allclose(
        loaded.predict_on_batch(pixels), model.predict_on_batch(pixels), atol=1e-6
    )
    scaled = load_flat_model(folder, Wrapping(MODES["tf"]))
    np.testing.assert_allclose(
        scaled.predict_on_batch(pixels), model.predict_on_batch(pixels / 127.5 - 1), atol=1e-6
    )


def test_an_input_of_uint8_is_taken(tmp_path: Path) -> None:
    loaded = load_flat_model(save(tmp_path / "m", lambda image: {"scores": pool(image)}, tf.uint8))
    assert loaded.output_shape == (None, 3)


def reads_a_file(image):
    return pool(image) + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32)


def writes_a_file(image):
    tf.io.write_file("/tmp/evil", "x")
    return pool(image)


def runs_python(image):
    return tf.ensure_shape(
        tf.py_function(lambda values: values, [pool(image)], tf.float32), (None, 3)
    )


def prints(image):
    tf.print("hello")
    return pool(image)


def in_a_branch(image):
    return tf.cond(
        tf.reduce_sum(tf.cast(image, tf.float32)) > 0,
        lambda: reads_a_file(image),
        lambda: pool(image),
    )


@pytest.mark.parametrize(
    ("function", "operator"),
    [
        (reads_a_file, "ReadFile"),
        (writes_a_file, "WriteFile"),
        (runs_python, "EagerPyFunc"),
        (prints, "StringFormat|PrintV2"),
        (in_a_branch, "ReadFile"),
    ],
)
def test_an_operator_that_does_more_than_compute_is_refused_by_name(
    tmp_path: Path, function, operator: str
) -> None:
    path = save(tmp_path / "m", lambda image: {"scores": function(image)})
    with pytest.raises(InputRefused, match=f"has the operator ({operator})"):
        check_saved_model(path)


def test_a_lookup_table_is_refused(tmp_path: Path) -> None:
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [1.0]), 0.0)
    path = save(
        tmp_path / "m",
        lambda image: {"scores": pool(image) + table.lookup(tf.constant(["a"]))},
        table=table,
    )
    with pytest.raises(InputRefused, match="more than compute numbers"):
        check_saved_model(path)


def test_augmentation_inside_is_refused_saying_what_to_do(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((SIDE, SIDE, 3)), layers.RandomFlip(), network()]).export(
        tmp_path / "m", verbose=False
    )
    with pytest.raises(
        InputRefused,
        match="changes a variable whenever it is used.*without its augmentation layers",
    ):
        check_saved_model(tmp_path / "m")


def test_variables_and_constants_that_declare_more_than_there_is_are_refused(
    copy: Path, tmp_path: Path
) -> None:
    (data,) = (copy / "variables").glob("variables.data-*")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(InputRefused, match="variables declare"):
        check_saved_model(copy)
    path = save(
        tmp_path / "m",
        lambda image: {
            "scores": pool(image) + tf.reduce_sum(tf.constant(0.0, shape=(10_000, 10_000)))
        },
    )
    with pytest.raises(InputRefused, match="constants declare 4000"):
        check_saved_model(path)


def no_variables(path: Path) -> None:
    (path / "variables" / "variables.index").unlink()


def cut_graph(path: Path) -> None:
    (path / "saved_model.pb").write_bytes((path / "saved_model.pb").read_bytes()[:-1000])


def assets(path: Path) -> None:
    (path / "assets").mkdir(exist_ok=True)
    (path / "assets" / "words.txt").write_text("x")


def link(path: Path) -> None:
    (path / "variables" / "more").symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (no_variables, "no variables/variables.index"),
        (cut_graph, "damaged or cut"),
        (assets, "no assets"),
        (link, "no links"),
    ],
)
def test_a_folder_that_is_not_whole_or_holds_more_is_refused(
    copy: Path, spoil, reason: str
) -> None:
    spoil(copy)
    with pytest.raises(InputRefused, match=reason):
        check_saved_model(copy)


def test_two_inputs_two_outputs_and_other_shapes_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"has 2 outputs \(a .*, b .*--scores-output NAME"):
        load_flat_model(
            save(tmp_path / "outputs", lambda image: {"a": pool(image), "b": pool(image)})
        )
    with pytest.raises(InputRefused, match="expected one vector of class scores"):
        load_flat_model(save(tmp_path / "map", lambda image: {"scores": image}))
    module = tf.Module()
    spec = tf.TensorSpec((None, SIDE, SIDE, 3))
    module.serve = tf.function(
        lambda left, right: {"scores": pool(left + right)}, input_signature=[spec, spec]
    )
    tf.saved_model.save(
        module, str(tmp_path / "inputs"), signatures={"serving_default": module.serve}
    )
    with pytest.raises(InputRefused, match=r"to have one input, found 2 \(left .*, right "):
        load_flat_model(tmp_path / "inputs")


def test_a_nan_variable_is_exit_3_naming_it(tmp_path: Path) -> None:
    model = network()
    model.layers[-1].set_weights([np.full((4, 3), np.nan, np.float32), np.zeros(3, np.float32)])
    model.export(tmp_path / "m", verbose=False)
    with pytest.raises(CheckFailed, match="variable '.*' has values that are NaN"):
        load_flat_model(tmp_path / "m")
