"""Takes classifiers of PyTorch and timm as torch.onnx.export writes them.

The packages torch and timm are not installed for the other tests: pip install torch timm.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from export.formats.artifact_spec import ArtifactSpec
from export.formats.onnx.from_onnx import convert
from export.inputs.model_file.onnx_classifier import OnnxClassifierOptions, open_onnx_classifier
from export.publish import bundle_manifest
from runtime.classifier import Classifier
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import TORCH

torch = pytest.importorskip("torch", reason="the package torch is not here")
pytest.importorskip("onnxscript", reason="the package onnxscript is not here")

SIDE, LABELS = 64, ("a", "b", "c")
PIXELS = np.stack(
    [
        np.array(
            Image.fromarray(
                np.random.default_rng(side).integers(0, 256, (side, side, 3)).astype(np.uint8)
            ).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        )
        for side in (2, 3, 5, 8, 13, 21)
    ]
)


def plain() -> Any:
    nn = torch.nn
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish()),
        *(nn.Conv2d(16, 16, 3, 1, 1, groups=16), nn.SiLU(), nn.Conv2d(16, 32, 1), nn.GELU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3)),
    )


def of_timm(name: str) -> Callable[[], Any]:
    def make() -> Any:
        timm = pytest.importorskip("timm", reason="the package timm is not here")
        return timm.create_model(name, num_classes=3, img_size=SIDE if "vit" in name else None)

    return make


@pytest.mark.parametrize(
    "make",
    [plain, *map(of_timm, ("test_resnet", "test_efficientnet", "test_convnext", "test_vit"))],
    ids=["plain", "resnet", "efficientnet", "convnext", "vit"],
)
@pytest.mark.parametrize("dynamo", [True, False], ids=["dynamo", "torchscript"])
def test_files_of_it_give_the_probabilities_of_torch(
    make: Callable[[], Any], dynamo: bool, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    model = make()
    values = (PIXELS.astype(np.float32) - np.float32(TORCH.mean)) / np.float32(TORCH.std)
    planes = torch.from_numpy(values.transpose(0, 3, 1, 2).copy())
    with torch.no_grad():
        model.train()(planes)  # gives each BatchNorm statistics of its own
        expected = model.eval()(planes).softmax(1).numpy()
    open_batch = {"dynamic_shapes": ({0: "batch"},)} if dynamo else {"opset_version": 17}
    torch.onnx.export(
        model, (planes[:1],), tmp_path / "model.onnx", dynamo=dynamo, verbose=False, **open_batch
    )
    for number, label in enumerate(LABELS):
        (tmp_path / "images" / label).mkdir(parents=True)
        Image.fromarray(PIXELS[number]).save(tmp_path / "images" / label / "1.png")
    spec = ModelSpec(LABELS, normalization=TORCH)
    run = open_onnx_classifier(
        tmp_path / "model.onnx", OnnxClassifierOptions(spec, tmp_path / "images")
    )
    for precision, tolerance in (("fp32", 1e-4), ("int8", 0.1)):
        made = convert(run.onnx, ArtifactSpec("onnx", precision), PIXELS, bundle_manifest(run))
        (tmp_path / "made.onnx").write_bytes(made.content)
        classifier = Classifier(tmp_path / "made.onnx", checked=True)
        found = np.stack([classifier.scores(pixels) for pixels in PIXELS])
        assert np.abs(found - expected).max() < tolerance
