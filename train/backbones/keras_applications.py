"""Lists the networks of keras.applications (Keras 3.15) with their normalization and sizes."""

from dataclasses import dataclass

from runtime.models.normalization import CAFFE, TF, TORCH, Normalization


@dataclass(frozen=True)
class Application:
    """Describes one network of keras.applications, with the fields of Backbone.

    function: the function of keras.applications that builds it.
    """

    function: str
    normalization: Normalization | None
    input_size: int
    thaw: int
    min_input_size: int = 32
    widths: tuple[float, ...] = ()


V2_SML = Normalization((128.0,), (128.0,))
"""The normalization of EfficientNetV2-S, -M and -L (keras/src/applications/efficientnet_v2.py)."""
BUILT_IN = None
"""EfficientNet normalizes pixels itself and has no argument that leaves it out."""

APPLICATIONS = {
    "vgg16": Application("VGG16", CAFFE, 224, thaw=2),
    "vgg19": Application("VGG19", CAFFE, 224, thaw=2),
    "xception": Application("Xception", TF, 299, thaw=3, min_input_size=71),
    "mobilenet": Application("MobileNet", TF, 224, thaw=4, widths=(0.25, 0.5, 0.75, 1.0)),
    "mobilenet-v2": Application(
        "MobileNetV2", TF, 224, thaw=7, widths=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
    ),
    "mobilenet-v3-small": Application("MobileNetV3Small", TF, 224, thaw=5, widths=(0.75, 1.0)),
    "mobilenet-v3-large": Application("MobileNetV3Large", TF, 224, thaw=6, widths=(0.75, 1.0)),
    "efficientnet-b0": Application("EfficientNetB0", BUILT_IN, 224, thaw=8),
    "efficientnet-b1": Application("EfficientNetB1", BUILT_IN, 240, thaw=8),
    "efficientnet-b2": Application("EfficientNetB2", BUILT_IN, 260, thaw=8),
    "efficientnet-b3": Application("EfficientNetB3", BUILT_IN, 300, thaw=8),
    "efficientnet-b4": Application("EfficientNetB4", BUILT_IN, 380, thaw=8),
    "efficientnet-b5": Application("EfficientNetB5", BUILT_IN, 456, thaw=8),
    "efficientnet-b6": Application("EfficientNetB6", BUILT_IN, 528, thaw=8),
    "efficientnet-b7": Application("EfficientNetB7", BUILT_IN, 600, thaw=8),
    "efficientnet-v2-b0": Application("EfficientNetV2B0", TORCH, 224, thaw=8),
    "efficientnet-v2-b1": Application("EfficientNetV2B1", TORCH, 240, thaw=8),
    "efficientnet-v2-b2": Application("EfficientNetV2B2", TORCH, 260, thaw=8),
    "efficientnet-v2-b3": Application("EfficientNetV2B3", TORCH, 300, thaw=8),
    "efficientnet-v2-s": Application("EfficientNetV2S", V2_SML, 384, thaw=8),
    "efficientnet-v2-m": Application("EfficientNetV2M", V2_SML, 480, thaw=8),
    "efficientnet-v2-l": Application("EfficientNetV2L", V2_SML, 480, thaw=8),
    "resnet50": Application("ResNet50", CAFFE, 224, thaw=3),
    "resnet101": Application("ResNet101", CAFFE, 224, thaw=3),
    "resnet152": Application("ResNet152", CAFFE, 224, thaw=3),
    "resnet50-v2": Application("ResNet50V2", TF, 224, thaw=3),
    "resnet101-v2": Application("ResNet101V2", TF, 224, thaw=3),
    "resnet152-v2": Application("ResNet152V2", TF, 224, thaw=3),
    "densenet121": Application("DenseNet121", TORCH, 224, thaw=16),
    "densenet169": Application("DenseNet169", TORCH, 224, thaw=32),
    "densenet201": Application("DenseNet201", TORCH, 224, thaw=32),
    "inception-v3": Application("InceptionV3", TF, 299, thaw=2, min_input_size=75),
    "inception-resnet-v2": Application("InceptionResNetV2", TF, 299, thaw=10, min_input_size=75),
    "nasnet-mobile": Application("NASNetMobile", TF, 224, thaw=1),
    "nasnet-large": Application("NASNetLarge", TF, 331, thaw=1),
    "convnext-tiny": Application("ConvNeXtTiny", TORCH, 224, thaw=1),
    "convnext-small": Application("ConvNeXtSmall", TORCH, 224, thaw=1),
    "convnext-base": Application("ConvNeXtBase", TORCH, 224, thaw=1),
    "convnext-large": Application("ConvNeXtLarge", TORCH, 224, thaw=1),
    "convnext-xlarge": Application("ConvNeXtXLarge", TORCH, 224, thaw=1),
}
