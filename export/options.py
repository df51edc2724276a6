"""Defines the options of an export."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from export.emulation.devices import Device
from export.formats.artifact_spec import ArtifactSpec
from export.formats.targets.targets import DEFAULT_TARGETS, targets_of_format
from export.parity.device_check import MAX_IMAGES
from export.parity.gate import ParityLimits
from runtime.errors import InputRefused
from runtime.models.confidence import DEFAULT_KEEP

Prefer = Literal["size", "speed"]


@dataclass(frozen=True)
class ExportOptions:
    """Everything beside the run and the specs that decides how artifacts are made.

    calibration_images: at most in the representative dataset.
    qat_epochs: of quantization-aware fine-tuning at most; 0: none.
    targets: names of the runtimes that must read the artifacts.
    devices, device_images: the emulated devices on which each artifact is checked too, and on how
        many test images at most.
    keep: the fraction of known images, 0..1, that the thresholds of "unknown" and "unsure" keep.
    examples: whether thumbnails of training images travel in the bundle.
    command: as the user typed it, for the record only.
    prefer: what `--precision auto` publishes: the smallest file that passes, or the fastest.
    against: the bundle that the new one is to replace, with which it is compared too.
    """

    calibration_images: int = 200
    limits: ParityLimits = field(default_factory=ParityLimits)
    seed: int = 7
    qat_epochs: int = 0
    targets: tuple[str, ...] = DEFAULT_TARGETS
    devices: tuple[Device, ...] = ()
    device_images: int = MAX_IMAGES
    keep: float = DEFAULT_KEEP
    examples: bool = True
    command: str = ""
    against: Path | None = None
    prefer: Prefer = "size"

    def __post_init__(self) -> None:
        for flag, value, least in (
            ("--calibration-images", self.calibration_images, 1),
            ("--device-images", self.device_images, 1),
            ("--seed", self.seed, 0),
            ("--qat", self.qat_epochs, 0),
        ):
            if value < least:
                raise InputRefused(flag, f"expected a whole number from {least}, found {value}")

        if not 0 < self.keep < 1:
            raise InputRefused("--keep", f"expected a fraction between 0 and 1, found {self.keep}")

    def with_targets(self, spec: ArtifactSpec) -> ArtifactSpec:
        """Returns the spec with those targets that run its format."""
        targets = tuple(target.name for target in targets_of_format(self.targets, spec.format))
        return replace(spec, targets=targets)
