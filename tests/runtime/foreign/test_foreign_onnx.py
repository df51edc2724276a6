"""runtime.foreign on ONNX files: layouts, dtypes, logits, and Ultralytics' metadata."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from runtime import Classifier
from runtime.errors import CheckFailed, InputRefused
from runtime.foreign import Foreign
from runtime.scaling import MODES, UNSCALED, Scaling

MakeModel = Callable[..., Path]
LABELS = ("red", "green", "blue")
UNIT = Scaling((0.0,), (255.0,))
MEANS = (1.0, 0.4, 0.0)
"""Of the fixture `colour` in 0..1."""
LAST = {"shape": (1, 8, 8, 3), "axes": (1, 2)}
LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"


def probabilities(values) -> list[float]:
    powers = np.exp(np.array(values, np.float64))
    return [pytest.approx(one, abs=1e-3) for one in powers / powers.sum()]


def scores(path: Path, picture, foreign: Foreign) -> list[float]:
    answer = {one.label: one.score for one in Classifier(path, foreign=foreign).classify(picture)}
    return [answer[label] for label in foreign.labels or LABELS]


@pytest.mark.parametrize("batch", [1, "N", 4])
@pytest.mark.parametrize("sides", [{}, LAST], ids=["nchw", "nhwc"])
def test_channels_first_and_last_and_any_batch(foreign_onnx: MakeModel, colour, sides, batch) -> None:
    shape = (batch, *sides.get("shape", (1, 3, 8, 8))[1:])
    path = foreign_onnx(**{**sides, "shape": shape})
    assert scores(path, colour, Foreign(LABELS, scaling=UNIT)) == probabilities(MEANS)
    assert scores(path, colour, Foreign(LABELS, scaling=MODES["caffe"])) == probabilities((-103.939, -14.779, 131.32))


def test_shape_that_could_be_both_is_asked_for(foreign_onnx: MakeModel, colour) -> None:
    told = {"shape": (1, 3, 3, 3), "axes": (2, 3)}
    with pytest.raises(InputRefused, match=r"float32 \(1, 3, 3, 3\) could have its channels first or last; say which with --layout"):
        Classifier(foreign_onnx(**told), foreign=Foreign(LABELS, scaling=UNIT))
    assert scores(foreign_onnx(**told), colour, Foreign(LABELS, scaling=UNIT, layout="nchw")) == probabilities(MEANS)
    with pytest.raises(InputRefused, match=r"its input is float32 \(1, 3, 8, 8\), which is not nhwc; leave --layout out"):
        Classifier(foreign_onnx(), foreign=Foreign(LABELS, scaling=UNIT, layout="nhwc"))


def test_size_left_open_is_asked_for_and_a_fixed_one_is_held(foreign_onnx: MakeModel, colour) -> None:
    path = foreign_onnx(shape=("N", 3, "H", "W"))
    with pytest.raises(InputRefused, match=r"\(\?, 3, \?, \?\) leaves the picture's size open; give one with --input-size"):
        Classifier(path, foreign=Foreign(LABELS, scaling=UNIT))
    classifier = Classifier(path, foreign=Foreign(LABELS, scaling=UNIT, input_size=(4, 6), fit="squash"))
    assert (classifier.preprocessing.height, classifier.preprocessing.width, classifier.preprocessing.fit) == (4, 6, "squash")
    assert [one.score for one in classifier.classify(colour)] == probabilities(MEANS)
    with pytest.raises(InputRefused, match="expected a picture of 4x6 pixels"):
        Classifier(foreign_onnx(), foreign=Foreign(LABELS, scaling=UNIT, input_size=(4, 6)))


@pytest.mark.parametrize(
    ("endings", "wanted"),
    [
        (("Softmax",), probabilities(MEANS)),
        (("Softmax", "Identity", "Reshape"), probabilities(MEANS)),
        (("Identity",), probabilities(MEANS)),
        (("LogSoftmax",), probabilities(MEANS)),
        (("Sigmoid",), [pytest.approx(1 / (1 + np.exp(-one)), abs=1e-4) for one in MEANS]),
    ],
    ids=str,
)
def test_last_operator_says_whether_a_softmax_is_due(foreign_onnx: MakeModel, colour, endings, wanted) -> None:
    assert scores(foreign_onnx(endings=endings), colour, Foreign(LABELS, scaling=UNIT)) == wanted


def test_logits_in_the_thousands_become_probabilities(foreign_onnx: MakeModel, colour) -> None:
    assert scores(foreign_onnx(factor=9000), colour, Foreign(LABELS, scaling=UNIT)) == [1, 0, 0]


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_an_error_and_not_a_class(foreign_onnx: MakeModel, colour, factor: float) -> None:
    with pytest.raises(CheckFailed, match="the model answered NaN or infinity"):
        Classifier(foreign_onnx(factor=factor), foreign=Foreign(LABELS, scaling=UNIT)).classify(colour)


@pytest.mark.parametrize(
    ("kind", "quantized", "scaling"),
    [
        (TensorProto.UINT8, (1 / 255, 0), None),
        (TensorProto.UINT8, (1 / 255, 0), UNIT),
        (TensorProto.INT8, (1 / 255, -128), UNIT),
        (TensorProto.UINT8, None, None),
        (TensorProto.UINT8, None, UNSCALED),
    ],
    ids=["uint8", "uint8 told", "int8", "unquantized", "unquantized told"],
)
def test_integer_input_gets_pixels_by_the_scale_in_its_graph(foreign_onnx: MakeModel, colour, kind: int, quantized, scaling) -> None:
    path = foreign_onnx(kind=kind, quantized=quantized, factor=1.0 if quantized else 1 / 255)
    assert scores(path, colour, Foreign(LABELS, scaling=scaling)) == [pytest.approx(one.expected, abs=3e-3) for one in probabilities(MEANS)]


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_other_floats_are_taken(foreign_onnx: MakeModel, colour, kind: int) -> None:
    assert scores(foreign_onnx(kind=kind), colour, Foreign(LABELS, scaling=UNIT)) == probabilities(MEANS)


def test_integer_output_becomes_probabilities(foreign_onnx: MakeModel, colour) -> None:
    path = foreign_onnx(endings=("Softmax",), out_quantized=(1 / 256, 0))
    assert scores(path, colour, Foreign(LABELS, scaling=UNIT)) == [pytest.approx(one.expected, abs=3e-3) for one in probabilities(MEANS)]


def test_classes_as_numbers_are_refused(foreign_onnx: MakeModel) -> None:
    with pytest.raises(InputRefused, match=r"expected scores as floats, or as integers with a scale, found an output of int64"):
        Classifier(foreign_onnx(endings=("ArgMax",)), foreign=Foreign(LABELS, scaling=UNIT))


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"shape": (1, 4, 8, 8)}, r"expected an input of one picture, .* found float32 \(1, 4, 8, 8\)"),
        ({"shape": (3, 8, 8), "axes": (1, 2)}, r"expected an input of one picture, .* found float32 \(3, 8, 8\)"),
        ({"shape": (1, 12), "axes": (0, 1)}, r"expected an input of one picture, .* found float32 \(1, 12\)"),
        ({"shape": (1, 3, 60000, 60000)}, r"float32 \(1, 3, 60000, 60000\): expected height from 1 to 4096"),
        ({"axes": (3,)}, r"expected one vector of class scores \(1, classes\), found an output of float32 \(1, 3, 8\)"),
        ({"axes": (0, 3)}, r"expected one vector of class scores \(1, classes\), found an output of float32 \(3, 8\)"),
        ({"shape": (1, 1, 8, 8)}, r"has a single output float32 \(1, 1\)"),
        ({"kind": TensorProto.INT64}, r"expected an input of float32, uint8, int8 or int16, found int64"),
    ],
    ids=str,
)
def test_other_models_are_refused_with_what_was_found(foreign_onnx: MakeModel, wrong, reason: str) -> None:
    with pytest.raises(InputRefused, match=reason):
        Classifier(foreign_onnx(**wrong), foreign=Foreign(LABELS, scaling=UNIT))


@pytest.mark.parametrize(
    "names", ["{0: 'red', 1: 'green', 2: 'blue'}", "['red', 'green', 'blue']", '{"2": "blue", "0": "red", "1": "green"}']
)
def test_ultralytics_metadata_say_all_of_it(foreign_onnx: MakeModel, colour, names: str) -> None:
    path = foreign_onnx(shape=(1, 3, "h", "w"), endings=("Softmax",), props={"names": names, "imgsz": "[6, 8]", "task": "classify"})
    classifier = Classifier(path)
    assert (classifier.labels, classifier.preprocessing.height, classifier.preprocessing.width) == (LABELS, 6, 8)
    assert [one.score for one in classifier.classify(colour)] == probabilities(MEANS)


def test_what_the_user_says_is_believed_before_ultralytics_metadata(foreign_onnx: MakeModel, colour) -> None:
    path = foreign_onnx(props={"names": "{0: 'a', 1: 'b', 2: 'c'}", "task": "classify"})
    foreign = Foreign(LABELS, scaling=MODES["caffe"], fit="pad")
    assert scores(path, colour, foreign) == probabilities((-103.939, -14.779, 131.32))
    assert Classifier(path, foreign=foreign).preprocessing.fit == "pad"


@pytest.mark.parametrize(
    ("props", "reason"),
    [
        ({"names": "{0: 'a'}", "task": "detect"}, "expected a classifier, its metadata say its task is 'detect'"),
        ({"names": "{0: 'a', 2: 'b'}", "task": "classify"}, "the class names in its metadata are not numbered from 0"),
        ({"names": "__import__('os')", "task": "classify"}, "its metadata are no Python literal"),
        ({"names": "[" * 5000, "task": "classify"}, "its metadata are no Python literal"),
        ({"names": "{0: 'a', 1: 'b'}", "task": "classify"}, "names: has 2 labels, the model 3 outputs"),
        ({"names": "{0: 'a', 1: 'b', 2: ''}", "task": "classify"}, "expected labels of 1 to 1000 characters"),
    ],
    ids=str,
)
def test_ultralytics_metadata_that_do_not_hold_up_are_refused(foreign_onnx: MakeModel, props, reason: str) -> None:
    with pytest.raises(InputRefused, match=reason):
        Classifier(foreign_onnx(props=props))


@pytest.mark.parametrize("network", ["squeezenet", "shufflenet", "inception_v2"])
def test_networks_of_the_onnx_model_zoo_run(network: str, colour) -> None:
    """Their graphs as they were published, of IR version 3 with weights among the inputs, and shapes as (1, 1000, 1, 1)."""
    path = LIGHT / f"light_{network}.onnx"
    labels = tuple(f"class {number}" for number in range(1000))
    answer = Classifier(path, foreign=Foreign(labels, scaling=MODES["torch"])).classify(colour, top=1000)
    assert sum(one.score for one in answer) == pytest.approx(1, abs=1e-3)
