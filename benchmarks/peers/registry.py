"""Lists other programs that classify images: one small script and one row each.

A script runs in an environment of its own without Quince: benchmarks/peers/adapters/main.py calls
its `load`.
"""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "adapters"
DEVICE = ("numpy>=1.24,<3", "pillow>=12,<14")
LITERT, ONNX = "ai-edge-litert>=2.3,<2.4", "onnxruntime>=1.31,<1.33"
OURS = {".tflite": (*DEVICE, LITERT), ".onnx": (*DEVICE, ONNX)}
"""What our own side installs, by the model file's suffix; the same as in pyproject.toml."""
OUR_NAME = "ours"
PIXELS_ONNX = "*[!o].onnx"
"""An `.onnx` that takes raw pixels; the name of one that takes floats ends with "io"."""
ULTRALYTICS = (
    "ultralytics>=8.4,<8.5",
    "torch>=2.9,<2.15",
    "torchvision>=0.24,<0.30",
    "onnx>=1.23,<1.24",
    "onnxslim>=0.1.98,<0.2",
    ONNX,
)


@dataclass(frozen=True)
class Peer:
    """Describes a peer.

    script: its file in adapters/.
    summary: what it is, for tables.
    requirements: what pip installs for it.
    versions_of: the distributions whose versions a result records.
    model: the name pattern of a model file that it takes.
    own_model: the script that makes it a model of its own instead; "": it takes ours.
    convert: the script that makes its file of ours, in its environment; "": it reads ours.
    ours: the name pattern of the file of the same precision that our side takes; "": the same.
    images: whether it is asked about images; otherwise it times the model alone, and is compared
        with our `latency`.
    """

    script: str
    summary: str
    requirements: tuple[str, ...]
    versions_of: tuple[str, ...]
    model: str = "*.tflite"
    own_model: str = ""
    convert: str = ""
    ours: str = ""
    images: bool = True


PEERS = {
    "plain": Peer(
        "plain.py",
        "a plain script: Pillow and LiteRT",
        OURS[".tflite"],
        ("pillow", "ai-edge-litert"),
    ),
    "plain-onnx": Peer(
        "plain_onnx.py",
        "a plain script: Pillow and ONNX Runtime",
        OURS[".onnx"],
        ("pillow", "onnxruntime"),
        PIXELS_ONNX,
    ),
    "openvino": Peer(
        "openvino.py",
        "a plain script: Pillow and OpenVINO; ours runs LiteRT",
        ("openvino>=2026.1,<2027", *DEVICE),
        ("pillow", "openvino"),
    ),
    "opencv-dnn": Peer(
        "opencv_dnn.py",
        "OpenCV's DNN module on our ONNX; ours runs LiteRT",
        ("numpy>=2,<3", "opencv-python-headless>=4.10,<6"),
        ("opencv-python-headless",),
        PIXELS_ONNX,
        ours="*.tflite",
    ),
    "ncnn": Peer(
        "ncnn.py",
        "a plain script: Pillow and ncnn, converted by pnnx; ours runs LiteRT",
        ("ncnn>=1.0.20260526", "pnnx>=20260526", "onnx>=1.23,<1.24", *DEVICE),
        ("pillow", "ncnn", "pnnx"),
        "*-float-io.onnx",
        convert="models/ncnn.py",
        ours="*.tflite",
    ),
    "executorch": Peer(
        "executorch.py",
        "a plain script: Pillow and ExecuTorch (XNNPACK); ours runs LiteRT",
        ("executorch>=1.5,<1.6", "onnx2torch>=1.5,<1.6", *DEVICE),
        ("pillow", "executorch", "torch"),
        "*-float-io.onnx",
        convert="models/executorch.py",
        ours="*.tflite",
    ),
    "raspberry-pi": Peer(
        "raspberry_pi.py",
        "what TensorFlow's Raspberry Pi example does",
        ("numpy>=2,<3", "opencv-python-headless>=4.10,<6", LITERT),
        ("opencv-python-headless", "ai-edge-litert"),
    ),
    "mediapipe": Peer(
        "mediapipe.py", "MediaPipe ImageClassifier", ("mediapipe>=1.2,<2",), ("mediapipe",)
    ),
    "ultralytics": Peer(
        "ultralytics.py",
        "Ultralytics predict on our ONNX",
        ULTRALYTICS,
        ("ultralytics", "torch", "onnxruntime"),
        "*-float-io.onnx",
    ),
    "ultralytics-own": Peer(
        "ultralytics.py",
        "Ultralytics predict on its own ONNX of YOLOv8n-cls, weights random",
        ULTRALYTICS,
        ("ultralytics", "torch", "onnxruntime"),
        "*.onnx",
        own_model="models/ultralytics.py",
    ),
    "litert-benchmark": Peer(
        "litert_benchmark.py",
        "litert-benchmark against our latency: the model alone",
        (LITERT,),
        ("ai-edge-litert",),
        images=False,
    ),
}
