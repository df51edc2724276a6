"""Lists the Keras classes that a model file may name: they compute numbers from numbers.

None of them reads a file, opens an address or holds code. Left out on purpose: Lambda, TFSMLayer,
TorchModuleWrapper, FlaxLayer, JaxLayer (code of their own), StringLookup, IntegerLookup,
TextVectorization (vocabulary files), and operations that take a function (Map, Scan, Cond,
WhileLoop).
"""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LAYERS = _names(
    """
    Activation ActivityRegularization AdaptiveAveragePooling2D AdaptiveMaxPooling2D Add
    AdditiveAttention AlphaDropout Attention Average AveragePooling1D AveragePooling2D
    BatchNormalization CenterCrop Concatenate Conv1D Conv2D Conv2DTranspose Cropping2D Dense
    DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU EinsumDense Embedding Flatten GaussianDropout
    GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D
    GlobalMaxPooling2D GroupNormalization GroupQueryAttention Identity InputLayer LayerNormalization
    LeakyReLU MaxPooling1D MaxPooling2D Maximum Minimum MultiHeadAttention Multiply Normalization
    PReLU Permute RMSNormalization RandomBrightness RandomColorJitter RandomContrast RandomCrop
    RandomErasing RandomFlip RandomGrayscale RandomHue RandomRotation RandomSaturation
    RandomSharpness RandomShear RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape
    Resizing SeparableConv1D SeparableConv2D Softmax SpatialDropout1D SpatialDropout2D Subtract
    UnitNormalization UpSampling2D ZeroPadding2D
    """
)
OPERATIONS = {
    "keras.src.ops.numpy": _names(
        """
        Abs Absolute Add Amax Amin Average BroadcastTo Clip Concatenate Divide Exp ExpandDims Flip
        GetItem Log Matmul Max Maximum Mean Min Minimum Moveaxis Multiply Negative Pad Power Ravel
        Repeat Reshape Roll Split Sqrt Square Squeeze Stack Subtract Sum Swapaxes Take Tanh Tile
        Transpose TrueDivide Var
        """
    ),
    "keras.src.ops.nn": _names(
        """
        AveragePool BatchNorm Celu Conv DepthToSpace DepthwiseConv Elu Gelu HardSigmoid HardSilu
        HardTanh LayerNorm LeakyRelu LogSoftmax MaxPool Normalize Relu Relu6 Selu SeparableConv
        Sigmoid Silu Softmax Softplus Softsign SpaceToDepth
        """
    ),
    "keras.src.ops.core": _names("Cast StopGradient"),
    "keras.src.ops.math": _names("Erf Rsqrt"),
}
FUNCTIONS = _names(
    """
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
    linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus
    softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink
    """
)
"""Activations, which a file may also name as functions."""

CLASSES: dict[str, frozenset[str]] = {
    "keras": _names("Sequential DTypePolicy FloatDTypePolicy"),
    "keras.src.models.functional": _names("Functional"),
    "keras.layers": LAYERS,
    "keras.initializers": _names(
        """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer
        LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform
        TruncatedNormal VarianceScaling Zeros
        """
    ),
    "keras.regularizers": _names("L1 L1L2 L2 OrthogonalRegularizer"),
    "keras.constraints": _names("MaxNorm MinMaxNorm NonNeg UnitNorm"),
    "keras.dtype_policies": _names("DTypePolicy FloatDTypePolicy"),
    "keras.src.applications.convnext": _names("LayerScale StochasticDepth"),
    "keras.src.applications.inception_resnet_v2": _names("CustomScaleLayer"),
    "keras.optimizers": _names(
        "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl "
        "Lamb Lion LossScaleOptimizer Nadam RMSprop SGD"
    ),
    "keras.optimizers.schedules": _names(
        "CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay "
        "PiecewiseConstantDecay PolynomialDecay"
    ),
    "keras.losses": _names(
        "BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy"
    ),
    "keras.metrics": _names(
        "AUC Accuracy CategoricalAccuracy F1Score Precision "
        "Recall SparseCategoricalAccuracy TopKCategoricalAccuracy"
    ),
    **OPERATIONS,
}
PLAIN = _names("__keras_tensor__ __tensor__ __numpy__ __slice__ __ellipsis__")
"""Values that a file writes like classes, without a module."""
