"""Checks that an error names the operator and the layer that TFLite cannot express."""

import flatbuffers
import keras
import pytest
from ai_edge_litert import schema_py_generated as schema
from keras import layers

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert
from export.formats.tflite.flatbuffer import CUSTOM, OperatorUse, operators
from export.formats.tflite.tf_converter import refuse_custom_operators
from runtime.errors import InputRefused


def network(*unsupported: layers.Layer) -> keras.Model:
    inputs = keras.Input((64, 64, 3))
    x = layers.Conv2D(4, 3, strides=4)(layers.Rescaling(1 / 128, -127 / 128)(inputs))
    for layer in unsupported:
        x = layer(x)
    return keras.Model(
        inputs, layers.Dense(2, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    )


class LogDeterminant(layers.Layer):
    def call(self, x):
        return x + keras.ops.reshape(keras.ops.slogdet(x[:, :4, :4, 0])[1], (-1, 1, 1, 1))


class InverseError(layers.Layer):
    def call(self, x):
        return keras.ops.erfinv(keras.ops.tanh(x))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_flex_operator_is_refused_by_name_with_its_layer(
    precision: str, calibration, manifest
) -> None:
    model = network(layers.Resizing(8, 8, interpolation="bicubic", name="shrink"))
    with pytest.raises(
        InputRefused,
        match=r"TFLite has no builtin operator for ResizeBicubic \(layer 'shrink\S*'\); use layers",
    ) as refusal:
        convert(model, ArtifactSpec("tflite", precision), calibration, manifest)
    assert len(str(refusal.value)) < 200


def test_all_unsupported_operators_are_named(calibration, manifest) -> None:
    model = network(InverseError(name="inverse"), LogDeterminant(name="determinant"))
    with pytest.raises(InputRefused, match="model: TFLite has no builtin operator for ") as refusal:
        convert(model, ArtifactSpec("tflite", "fp32"), calibration, manifest)
    assert "Erfinv (layer 'inverse" in refusal.value.reason
    assert "LogMatrixDeterminant (layer 'determinant" in refusal.value.reason


def test_operators_are_those_that_the_schema_reader_finds(
    keras_model, calibration, manifest
) -> None:
    content = convert(keras_model, ArtifactSpec("tflite", "int8"), calibration, manifest).content
    codes = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0)).operatorCodes
    assert operators(content) == [
        OperatorUse(max(code.deprecatedBuiltinCode, code.builtinCode), code.version, None)
        for code in codes
    ]


def test_custom_operator_in_a_file_is_refused_by_name(keras_model, calibration, manifest) -> None:
    content = convert(keras_model, ArtifactSpec("tflite", "fp32"), calibration, manifest).content
    refuse_custom_operators(content)
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    code = model.operatorCodes[-1]
    code.deprecatedBuiltinCode = code.builtinCode = CUSTOM
    code.customCode = b"FlexErfinv"
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(
        InputRefused,
        match="model: became a .tflite with the operator FlexErfinv, which is not a builtin op",
    ):
        refuse_custom_operators(bytes(builder.Output()))
