"""Builds a candidate, solves a head on its frozen features, and exports it to be timed."""

import tempfile
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from runtime.errors import MachineError
from runtime.shared.progress import Progress
from runtime.system.provenance import KERAS_PACKAGES, source_digest, versions
from runtime.system.subprocesses import ask_child
from train.backbones.registry import find_backbone
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import resolve_options
from train.data.dataset import Dataset
from train.data.decoded_cache import PixelCache
from train.fitting.augmentation import build_augmentation
from train.fitting.classifier_model import build_model
from train.fitting.feature_cache import cache_key
from train.fitting.frozen_features import FrozenFeatures, LabelledHashes
from train.fitting.loss import one_hot
from train.fitting.schedule import POOL
from train.fitting.solved_head import WeightedFeatures, solve_head
from train.selection.timing import SUFFIX
from workstation.keras_saving import save_keras_file


def build_candidate(options: TrainOptions, pixels: PixelCache, classes: int) -> keras.Model:
    """Builds the network with its pretrained weights and a head that is not trained.

    Raises:
        MachineError: the weights cannot be fetched, or the package that holds them is missing.
    """
    # Cached features are found by the layers' names, which Keras numbers.
    keras.backend.clear_session()
    backbone = find_backbone(options.backbone)
    return build_model(backbone, pixels.preprocessing, classes, resolve_options(options))


def right_answers(
    model: keras.Model, data: Dataset, pixels: PixelCache, feature_folder: Path, name: str
) -> NDArray[np.bool_]:
    """Returns which of the (n,) validation images a head solved on the training images names.

    Features are those of the plain images, without augmentation, and are kept in `feature_folder`.
    `name` stands before the progress.
    """
    augment = build_augmentation(TrainOptions(), 0, ())
    frozen = FrozenFeatures(feature_folder, model, POOL, pixels, augment)
    classes = len(data.labels)

    def features(split_hashes: LabelledHashes, label: str) -> WeightedFeatures:
        return WeightedFeatures(
            frozen.plain(split_hashes, POOL, f"{name}, {label}"),
            one_hot(split_hashes.targets, classes),
            np.ones(len(split_hashes.targets), np.float32),
        )

    train = features(LabelledHashes.of_split(data, "train"), "training images")
    val = features(LabelledHashes.of_split(data, "val"), "validation images")
    scores = solve_head(train, val).scores(val.features)
    return np.asarray(scores.argmax(1) == val.targets.argmax(1))


def timing_model_file(
    model: keras.Model, pixels: NDArray[np.uint8], name: str, cache: Path
) -> Path:
    """Returns the int8 `.tflite` file of a network with an untrained head, kept in `cache`.

    `pixels` are some (n, height, width, 3) images, on which its ranges are measured.

    Raises:
        QuinceError: the child process that exports it failed.
    """
    code = source_digest("runtime", "workstation", "train", "export")
    key = cache_key(code, str(versions(*KERAS_PACKAGES)), name, str(model.output_shape))
    path = cache / key / f"{name}{SUFFIX}"
    if path.exists():
        path.touch()
        return path
    with tempfile.TemporaryDirectory() as scratch, Progress(f"{name}, export", 1) as bar:
        keras_file, pixel_file = Path(scratch) / "model.keras", Path(scratch) / "pixels.npy"
        save_keras_file(model, keras_file)
        np.save(pixel_file, pixels)
        answer = ask_child(
            "-m", "export.commands.timing_model", keras_file, pixel_file, path.absolute()
        )
        if not answer.answered:
            raise MachineError(name, f"cannot be exported: {answer.reason}")
        answer.value()
        bar.advance()
    return path
