"""Compares each artifact on an emulated device with the same artifact on this machine.

Between two runs of one file there is no sampling noise, so a few hundred images are enough, and
emulation is slow. The gate has compared the artifact with the Keras model before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from export.emulation.classify import device_scores
from export.emulation.devices import Device
from export.emulation.rootfs import require_programs
from export.inputs.trained_run import TrainedRun, stratified_sample
from export.parity.artifact_record import DeviceParity
from export.parity.gate import ParityLimits, ParityResult, apply_limits
from runtime.bundles.device_scores import DeviceScores, read_device_scores, write_device_scores
from runtime.bundles.golden_images import FOLDER, GoldenImage
from runtime.shared.parity import ParityFigures, compare
from runtime.system.cpu_model import ARM_CORES
from runtime.system.hashing import sha256_of

MAX_IMAGES = 200
"""The default limit of test images on a device, chosen as evenly over the classes as possible."""


def require_devices(devices: Sequence[Device], formats: set[str]) -> None:
    """Refuses, before the long work, what would be refused after it.

    Raises:
        InputRefused: nothing runs model files of one of these formats on one of the devices.
        MachineError: a program that emulates a device is missing.
    """
    for device in devices:
        device.packages(formats)
        require_programs(device.system)


def check_on_device(
    run: TrainedRun,
    device: Device,
    results: Mapping[Path, ParityResult],
    limits: ParityLimits,
    max_images: int,
    seed: int,
) -> dict[str, DeviceParity]:
    """Compares each model file's scores on the device with its scores here, by file name.

    At most `max_images` test images are used; `results` hold the scores here of all of them.

    Raises:
        InputRefused: nothing runs one of the files there, or an image is gone.
        MachineError: the device cannot be emulated here.
    """
    index = {image.path: number for number, image in enumerate(run.split("test"))}
    images = stratified_sample(run.split("test"), max_images, seed)
    chosen = [index[image.path] for image in images]
    paths = [run.data / image.path for image in images]
    scores_there = device_scores(device, list(results), paths)
    labels = run.manifest.labels
    truth = np.array([labels.index(image.label) for image in images])
    names = [image.path for image in images]
    checks = {}
    for path, result in results.items():
        scores = scores_there[path.name]
        parity = compare(names, truth, result.scores[chosen], scores, labels)
        reasons = apply_limits(parity, replace(limits, strict=False)).reasons
        same_as_keras = scores.argmax(1) == result.reference_scores[chosen].argmax(1)
        checks[path.name] = DeviceParity(
            **{part.name: getattr(parity, part.name) for part in fields(ParityFigures)},
            device=device.description,
            versions=device.versions({path.suffix[1:]}),
            outcome="failed" if reasons else "passed",
            reasons=tuple(
                f"on {device.name}, against the same file here: {reason}" for reason in reasons
            ),
            agreement_with_keras=float(np.mean(same_as_keras)),
        )
    return checks


def record_device_scores(
    bundle: Path,
    golden_images: Sequence[GoldenImage],
    files: Mapping[str, str],
    devices: Sequence[Device],
) -> None:
    """Writes the scores of the golden images on the devices; drops those of files that are gone.

    `files` are the new model files: their SHA-256 by name.
    """
    by_processor = {scores.processor: scores for scores in read_device_scores(bundle)}
    images = [bundle / FOLDER / golden_image.file for golden_image in golden_images]
    for device in devices:
        scores = device_scores(device, [bundle / file for file in files], images)
        by_sha256: dict[str, Mapping[str, tuple[float, ...]]] = {
            sha256: {
                golden_image.file: tuple(map(float, row))
                for golden_image, row in zip(golden_images, scores[file], strict=True)
            }
            for file, sha256 in files.items()
        }
        processor = ARM_CORES[int(device.processor.part, 16)]
        versions = device.versions({Path(file).suffix[1:] for file in files})
        before = by_processor.get(processor)
        if before and before.scores:
            versions = {**before.versions, **versions}
            by_sha256 = {**before.scores, **by_sha256}
        by_processor[processor] = DeviceScores(
            processor, device.system.machine, device.description, versions, by_sha256
        )
    present = {sha256_of(file.read_bytes()) for file in bundle.iterdir() if file.is_file()}
    kept = []
    for device_record in by_processor.values():
        scores_of_files = {
            sha256: scores for sha256, scores in device_record.scores.items() if sha256 in present
        }
        kept.append(replace(device_record, scores=scores_of_files))
    if kept:
        write_device_scores(bundle / FOLDER, kept)
