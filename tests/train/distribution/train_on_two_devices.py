"""Trains twice, on one device and on two halves of the processor; prints the results as JSON.

The test runs it in a process of its own, because TensorFlow splits a processor only at its start.
"""

import json
import sys
from pathlib import Path

from workstation.keras_setup import prepare_tensorflow

prepare_tensorflow()

import numpy as np
import short_lite
import tensorflow as tf

CPU = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(CPU, [tf.config.LogicalDeviceConfiguration()] * 2)

from runtime.images.preprocessing import Preprocessing
from runtime.system.terminal import quiet
from train.backbones.registry import BACKBONES
from train.checkpoints.history import Epoch
from train.checkpoints.resume import UnfinishedRun
from train.configuration.options import TrainOptions
from train.data.dataset import build_dataset
from train.data.decoded_cache import PixelCache
from train.data.image_folder import scan_image_folder
from train.data.split import SplitFractions
from train.distribution.multi_gpu import mirrored
from train.distribution.strategy import ALONE
from train.fitting.fit import predict
from train.fitting.train_model import train_model
from train.fitting.training_context import TrainingContext

BACKBONES[short_lite.NAME] = short_lite.BACKBONE
OPTIONS = TrainOptions(
    backbone=short_lite.NAME,
    input_size=32,
    head_epochs=2,
    epochs=3,
    batch=16,
    variants=1,
    head_rate=1e-2,
    rate=1e-3,
    dropout=0.0,
)


def main(images: Path, folder: Path) -> None:
    pixels = PixelCache(folder, Preprocessing(32, 32))
    data = build_dataset(scan_image_folder(images), pixels, SplitFractions(), 7)
    with quiet():
        strategies = {"alone": ALONE, "cards": mirrored(["CPU:0", "CPU:1"])}
    results = {}
    for name, strategy in strategies.items():
        history: list[Epoch] = []
        context = TrainingContext(
            BACKBONES[OPTIONS.backbone],
            data,
            pixels,
            OPTIONS,
            folder / f"{name}-features",
            UnfinishedRun(folder / f"{name}.partial", {"options": {}}),
            history.append,
            strategy,
        )
        model = train_model(context).model
        test = [image.sha256 for image in data.split("test")]
        arrays = [np.load(file) for file in context.feature_folder.rglob("*.npy")]
        arrays.sort(key=lambda array: array.shape)
        results[name] = {
            "losses": [epoch.val_loss for epoch in history],
            "train": [epoch.loss for epoch in history],
            "features": [
                array.astype(float).mean((0, -1)).ravel().tolist()[:4] for array in arrays
            ],
            "counts": [len(array) for array in arrays],
            "scores": predict(model, test, pixels, "test")[:, 0].tolist(),
        }
    print(json.dumps(results))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
