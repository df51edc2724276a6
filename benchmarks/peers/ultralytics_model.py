"""python ultralytics_model.py FILE: Ultralytics' own YOLOv8n-cls as it exports it to ONNX, with random weights of a fixed seed.

No weights are downloaded: how fast it is does not depend on them. Its statistics are taken of smooth random pictures and the mean score of
each class over them is taken off, else it gives every picture one label; so its labels show whether both sides see the same pixels.
"""

import os
import shutil
import sys

os.environ |= {"YOLO_CONFIG_DIR": sys.prefix, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}

import torch
from ultralytics import YOLO

SEED, SIDE, PICTURES, COARSE, PASSES = 7, 224, 32, 8, 40


def main() -> None:
    """Writes the file."""
    torch.manual_seed(SEED)
    made = YOLO("yolov8n-cls.yaml", task="classify")
    network, head = made.model, made.model.model[-1]
    coarse = torch.rand(PICTURES, 3, COARSE, COARSE)
    pictures = torch.nn.functional.interpolate(coarse, size=SIDE, mode="bilinear")
    with torch.no_grad():
        network.train()
        for _ in range(PASSES):  # each moves the running statistics by 3 % (the momentum of Ultralytics' BatchNorm)
            network(pictures)
        scores: list[torch.Tensor] = []
        hook = head.linear.register_forward_hook(lambda module, given, gave: scores.append(gave))
        network.eval()
        network(pictures)
        hook.remove()
        head.linear.bias -= scores[0].mean(0)
        head.linear.weight *= 1 / scores[0].std()
        head.linear.bias *= 1 / scores[0].std()
    shutil.move(made.export(format="onnx", imgsz=SIDE), sys.argv[1])


if __name__ == "__main__":
    main()
