"""Runs `python ultralytics.py FILE`, which makes a YOLOv8n-cls with random weights as ONNX.

Ultralytics itself exports it, and the weights have a fixed seed. No weights are downloaded, because
the speed does not depend on them. The batch statistics come from smooth random images, and the mean
score of each class over them is subtracted: otherwise every image would get the same label. So its
labels show whether both sides see the same pixels.
"""

import os
import shutil
import sys

os.environ |= {"YOLO_CONFIG_DIR": sys.prefix, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}

import torch
from ultralytics import YOLO

SEED, SIDE, IMAGES, COARSE_SIDE = 7, 224, 32, 8
PASSES = 40
"""Each moves the running statistics by 3 %, the momentum of Ultralytics' BatchNorm."""


def main() -> None:
    """Writes the file."""
    torch.manual_seed(SEED)
    model = YOLO("yolov8n-cls.yaml", task="classify")
    network, head = model.model, model.model.model[-1]
    coarse = torch.rand(IMAGES, 3, COARSE_SIDE, COARSE_SIDE)
    images = torch.nn.functional.interpolate(coarse, size=SIDE, mode="bilinear")
    with torch.no_grad():
        network.train()
        for _ in range(PASSES):
            network(images)
        logits: list[torch.Tensor] = []
        hook = head.linear.register_forward_hook(
            lambda module, inputs, output: logits.append(output)
        )
        network.eval()
        network(images)
        hook.remove()
        head.linear.bias -= logits[0].mean(0)
        head.linear.weight *= 1 / logits[0].std()
        head.linear.bias *= 1 / logits[0].std()
    shutil.move(model.export(format="onnx", imgsz=SIDE), sys.argv[1])


if __name__ == "__main__":
    main()
