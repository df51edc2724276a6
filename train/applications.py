"""The networks of keras.applications (Keras 3.15): their names here, how their pixels are normalised, and their sizes."""

from dataclasses import dataclass, replace

from train.normalisation import CAFFE, TF, TORCH, Normalisation


@dataclass(frozen=True)
class Application:
    """One network of keras.applications: the function that builds it, and what of a backbone's row depends on the network."""

    function: str
    normalisation: Normalisation
    input_size: int
    thaw: int
    smallest: int = 32
    widths: tuple[float, ...] = ()


WHOLE = Normalisation((128.0,), (128.0,))
"""What EfficientNetV2-S, -M and -L were trained on (keras/src/applications/efficientnet_v2.py)."""
INSIDE = replace(TORCH, inside=True)
"""EfficientNet has its normalisation inside and no argument that leaves it out."""

APPLICATIONS = {
    "vgg16": Application("VGG16", CAFFE, 224, thaw=2),
    "vgg19": Application("VGG19", CAFFE, 224, thaw=2),
    "xception": Application("Xception", TF, 299, thaw=3, smallest=71),
    "mobilenet": Application("MobileNet", TF, 224, thaw=4, widths=(0.25, 0.5, 0.75, 1.0)),
    "mobilenet-v2": Application("MobileNetV2", TF, 224, thaw=7, widths=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4)),
    "mobilenet-v3-small": Application("MobileNetV3Small", TF, 224, thaw=5, widths=(0.75, 1.0)),
    "mobilenet-v3-large": Application("MobileNetV3Large", TF, 224, thaw=6, widths=(0.75, 1.0)),
    "efficientnet-b0": Application("EfficientNetB0", INSIDE, 224, thaw=8),
    "efficientnet-b1": Application("EfficientNetB1", INSIDE, 240, thaw=8),
    "efficientnet-b2": Application("EfficientNetB2", INSIDE, 260, thaw=8),
    "efficientnet-b3": Application("EfficientNetB3", INSIDE, 300, thaw=8),
    "efficientnet-b4": Application("EfficientNetB4", INSIDE, 380, thaw=8),
    "efficientnet-b5": Application("EfficientNetB5", INSIDE, 456, thaw=8),
    "efficientnet-b6": Application("EfficientNetB6", INSIDE, 528, thaw=8),
    "efficientnet-b7": Application("EfficientNetB7", INSIDE, 600, thaw=8),
    "efficientnet-v2-b0": Application("EfficientNetV2B0", TORCH, 224, thaw=8),
    "efficientnet-v2-b1": Application("EfficientNetV2B1", TORCH, 240, thaw=8),
    "efficientnet-v2-b2": Application("EfficientNetV2B2", TORCH, 260, thaw=8),
    "efficientnet-v2-b3": Application("EfficientNetV2B3", TORCH, 300, thaw=8),
    "efficientnet-v2-s": Application("EfficientNetV2S", WHOLE, 384, thaw=8),
    "efficientnet-v2-m": Application("EfficientNetV2M", WHOLE, 480, thaw=8),
    "efficientnet-v2-l": Application("EfficientNetV2L", WHOLE, 480, thaw=8),
    "resnet50": Application("ResNet50", CAFFE, 224, thaw=3),
    "resnet101": Application("ResNet101", CAFFE, 224, thaw=3),
    "resnet152": Application("ResNet152", CAFFE, 224, thaw=3),
    "resnet50-v2": Application("ResNet50V2", TF, 224, thaw=3),
    "resnet101-v2": Application("ResNet101V2", TF, 224, thaw=3),
    "resnet152-v2": Application("ResNet152V2", TF, 224, thaw=3),
    "densenet121": Application("DenseNet121", TORCH, 224, thaw=16),
    "densenet169": Application("DenseNet169", TORCH, 224, thaw=32),
    "densenet201": Application("DenseNet201", TORCH, 224, thaw=32),
    "inception-v3": Application("InceptionV3", TF, 299, thaw=2, smallest=75),
    "inception-resnet-v2": Application("InceptionResNetV2", TF, 299, thaw=10, smallest=75),
    "nasnet-mobile": Application("NASNetMobile", TF, 224, thaw=1),
    "nasnet-large": Application("NASNetLarge", TF, 331, thaw=1),
    "convnext-tiny": Application("ConvNeXtTiny", TORCH, 224, thaw=1),
    "convnext-small": Application("ConvNeXtSmall", TORCH, 224, thaw=1),
    "convnext-base": Application("ConvNeXtBase", TORCH, 224, thaw=1),
    "convnext-large": Application("ConvNeXtLarge", TORCH, 224, thaw=1),
    "convnext-xlarge": Application("ConvNeXtXLarge", TORCH, 224, thaw=1),
}
