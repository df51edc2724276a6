"""Finds what to measure: the model files of bundles, and the images to measure them with."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.backends.installed import interpreters_of
from runtime.bundles.bundle import Bundle
from runtime.bundles.golden_images import FOLDER, read_golden
from runtime.bundles.parity_record import read_parity_record
from runtime.errors import ImageRefused, InputRefused, MachineError
from runtime.file_formats.read_model_file import read_model_file
from runtime.images.decoding import header_size, read_image
from runtime.sources.paths import expand
from runtime.system.lazy_loading import install_hint, lookup

ACCURACY = "candidate_accuracy"
MAX_IMAGES = 64


@dataclass(frozen=True)
class ModelUnderTest:
    """Names one model file.

    source, artifact: as `Classifier` takes them; the artifact of a single file is "".
    accuracy: as parity.json has it.
    external: as in `Task`.
    """

    source: Path
    artifact: str
    images: tuple[Path, ...]
    accuracy: float | None = None
    external: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The folder of the file as the user named it; the last two parts of an absolute path."""
        folder = self.source if self.artifact else self.source.parent
        return "/".join(folder.parts[-2:]) if folder.is_absolute() else str(folder)

    @property
    def file(self) -> Path:
        """The model file."""
        return self.source / self.artifact if self.artifact else self.source


@dataclass(frozen=True)
class ModelsUnderTest:
    """Holds what can be measured here, and why other artifacts and images cannot."""

    runnable: tuple[ModelUnderTest, ...]
    refusals: tuple[str, ...]


def find_models_under_test(
    sources: Sequence[Path],
    artifact: str | None,
    images: Sequence[Path],
    external: tuple[str, ...] = (),
) -> ModelsUnderTest:
    """Returns every model file in `sources` whose interpreter is installed, checked for damage.

    Args:
        sources: bundle folders and model files, at least one.
        artifact: take only this file of each bundle.
        images: image files and folders; none: the golden images of each bundle.
        external: options for external model files, as words.

    Raises:
        InputRefused: a source is no model, has no such artifact, or no image can be read.
        MachineError: nothing can be measured, because an interpreter is missing.
    """
    chosen, refused_images = _readable(images) if images else (None, [])
    runnable: list[ModelUnderTest] = []
    refused: list[tuple[str, str]] = []
    for source in sources:
        if source.is_dir():
            artifacts = _runnable_artifacts(source, artifact, refused)
        else:
            read_model_file(source)
            artifacts = [""]
        folder = source if source.is_dir() else source.parent
        accuracies = _accuracies(folder)
        source_images = golden_images(folder) if chosen is None else chosen
        runnable += [
            ModelUnderTest(
                source, name, source_images, accuracies.get(name or source.name), external
            )
            for name in artifacts
        ]
    if not runnable:
        raise MachineError(*refused[0])
    reasons = (f"{thing}: {reason}" for thing, reason in (*refused, *refused_images))
    return ModelsUnderTest(tuple(runnable), tuple(reasons))


def _runnable_artifacts(path: Path, name: str | None, refused: list[tuple[str, str]]) -> list[str]:
    """Returns the files of a bundle that run here, checked; appends the others to `refused`."""
    bundle = Bundle.open(path)
    artifacts = {artifact.file: artifact for artifact in bundle.exported()}
    chosen = [lookup(artifacts, name, "artifact")] if name else artifacts.values()
    runnable = []
    for artifact in chosen:
        interpreters = list(interpreters_of(f".{artifact.format}"))
        if any(interpreter.installed for interpreter in interpreters):
            bundle.read(artifact)
            runnable.append(artifact.file)
        else:
            first = interpreters[0]
            hint = install_hint(first.distribution, first.extra)
            refused.append((str(path / artifact.file), hint))
    return runnable


def golden_images(folder: Path) -> tuple[Path, ...]:
    """Returns the golden images of the bundle in `folder`, if there are any."""
    with suppress(InputRefused):
        return tuple(folder / FOLDER / golden_image.file for golden_image in read_golden(folder))
    return ()


def spread(images: Sequence[Path]) -> tuple[Path, ...]:
    """Returns at most 64 of the images, evenly spread, so that all class folders take part."""
    count = min(len(images), MAX_IMAGES)
    return tuple(images[number * len(images) // count] for number in range(count))


def _readable(paths: Sequence[Path]) -> tuple[tuple[Path, ...], list[tuple[str, str]]]:
    """Returns the files that begin as an image; and the others, with the reason."""
    images, refused = [], []
    for path in expand(list(paths)):
        try:
            header_size(read_image(path))
            images.append(path)
        except ImageRefused as refusal:
            refused.append((str(path), refusal.reason))
    if not images:
        detail = ": {}: {}".format(*refused[0]) if refused else ""
        raise InputRefused(str(paths[0]), f"holds no readable image{detail}")
    return tuple(images), refused


def _accuracies(folder: Path) -> dict[str, float]:
    """Returns the accuracy of each model file that the parity gate measured."""
    figures = read_parity_record(folder, (ACCURACY,))
    return {file: values[ACCURACY] for file, values in figures.items()}
