"""Prepares a training.

The images are scanned, decoded and examined. A record of options and digests identifies the work.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from runtime.cli.identity import program_name
from runtime.errors import ImageRefused, InputRefused
from runtime.images.decoding import read_image
from runtime.images.preprocessing import Preprocessing
from runtime.system.hashing import sha256_of
from runtime.system.lazy_loading import require_packages
from runtime.system.provenance import source_digest
from train.backbones.registry import Backbone, find_backbone
from train.backbones.weights_file import weights_digest
from train.configuration.options import TrainOptions
from train.configuration.resolved_options import resolve_options
from train.data.dataset import Dataset, OldImages, build_dataset, decode_fitted, decode_shard
from train.data.decoded_cache import PixelCache
from train.data.image_folder import ImageFolder, choose_input_size, scan_image_folder
from train.data.quality import DataQuality, examine_quality
from train.data.split import SplitFractions
from train.distribution.strategy import ALONE, DistributionStrategy

MARGIN_S = 2.0
"""Clocks of file systems are coarse, and those of file servers differ a little."""
CHECK_LISTS_PAIRS = f"{program_name('train')} check DIR --pairs FILE.csv"


class GrowthPlan(OldImages, Protocol):
    """What the preparation of a training takes from an old run."""

    @property
    def folder(self) -> ImageFolder:
        """The files of both."""

    @property
    def model(self) -> Path:
        """The path of the old model."""


@dataclass(frozen=True)
class PreparedData:
    """Holds the images of a training, decoded into a cache, and their quality.

    started_at: when the decoding began, in seconds since the epoch.
    made_by: the options and the digests of images, weights and code; equal for equal results.
    """

    backbone: Backbone
    data: Dataset
    pixels: PixelCache
    quality: DataQuality
    started_at: float
    made_by: Mapping[str, Any]


def prepare(
    data: Path,
    output: Path,
    options: TrainOptions,
    *,
    cache: Path,
    packages: tuple[str, ...],
    strategy: DistributionStrategy = ALONE,
    pairs_listed: str = CHECK_LISTS_PAIRS,
    growth: GrowthPlan | None = None,
) -> PreparedData:
    """Prepares the images in `data` for a training that writes to `output` and needs `packages`.

    Workers that share the cache share the decoding. `pairs_listed` says in a fault where the user
    finds all near-duplicates. With `growth` its images are used, and `data` is their folder.

    Raises:
        InputRefused: the options contradict each other, or the data cannot be used, or `output`
            lies in it.
        MachineError: a package is missing, or the disk is full.
    """
    backbone, resolved = find_backbone(options.backbone), resolve_options(options)
    weights = weights_digest(resolved.weights_file) if resolved.weights_file else None
    fractions = SplitFractions(options.test_fraction, options.val_fraction)
    if Path(os.path.realpath(data)) in Path(os.path.realpath(output)).parents:
        raise InputRefused(
            str(output),
            f"is in {data}, where the next training would take it for a class; choose another -o",
        )
    strategy.shard.require_even(options.batch)
    folder = growth.folder if growth else scan_image_folder(data, one_class=options.one_class)
    require_packages(
        "training", "train", *packages, "tensorflow", "keras", "matplotlib", "imagehash"
    )
    started_at = time.time()
    dataset, pixels = decode_images(folder, options, fractions, cache, strategy, growth)
    size = pixels.preprocessing.width
    made_by = {
        "options": asdict(options),
        "weights_sha256": weights,
        "data_digest": dataset.digest(),
        "code_sha256": source_digest("runtime", "workstation", "train"),
        **strategy.made_by,
        **({"from": sha256_of(growth.model.read_bytes())} if growth else {}),
    }
    quality = examine_quality(dataset, size, pairs_listed, pixels.preprocessing.grey16)
    return PreparedData(backbone, dataset, pixels, quality, started_at, made_by)


def decode_images(
    folder: ImageFolder,
    options: TrainOptions,
    fractions: SplitFractions,
    cache: Path,
    strategy: DistributionStrategy = ALONE,
    growth: OldImages | None = None,
) -> tuple[Dataset, PixelCache]:
    """Decodes the images of `folder` into `cache`; returns them with their splits and pixels.

    Raises:
        InputRefused: the data cannot be used, or `options` do not fit it.
        MachineError: the cache cannot be written, or the package imagehash is not installed.
    """
    size = options.input_size
    if size is None:
        backbone = find_backbone(options.backbone)
        native, lowest = backbone.input_size, backbone.min_input_size
        size = choose_input_size(folder.files(), native, lowest, options.region)
    pixels = PixelCache(
        cache,
        Preprocessing(size, size, options.fit, options.channels, region=options.region),
        fits_grey16=options.grey16 == "data-range",
    )
    if strategy.shard.count > 1:
        decode_shard(folder, pixels, strategy.shard)
        strategy.gather(b"decoded")
    data = build_dataset(folder, pixels, fractions, options.seed, options.group_by, growth)
    return data, decode_fitted(folder, data, pixels)


def require_unchanged(data: Dataset, since: float) -> None:
    """Compares each used image that was written after `since` with its hash.

    Args:
        data: the images as they were read.
        since: seconds since the epoch.

    Raises:
        InputRefused: a used image has changed or vanished; the error names it.
    """
    for image in data.images:
        if image.split == "refused":
            continue
        path = data.root / image.path
        fault = _find_fault(path, image.sha256, since - MARGIN_S)
        if fault:
            raise InputRefused(
                str(path),
                f"{fault} since the training began; put it back, and the same command continues",
            )


def _find_fault(path: Path, sha256: str, since: float) -> str | None:
    try:
        status = path.stat()
        if max(status.st_mtime, status.st_ctime) < since:
            return None
        return None if sha256_of(read_image(path)) == sha256 else "changed"
    except (OSError, ImageRefused):
        return "vanished"
