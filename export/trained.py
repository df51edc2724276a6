"""Opens a run folder: its manifest, its Keras model, and its pictures, each checked against the hash written at training."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.preparation import UNCHANGED, Preparation
from runtime.digest import digest
from runtime.errors import InputRefused
from runtime.keras_file import check_keras_file
from runtime.manifest import Manifest
from runtime.plugins import Plugin, require
from runtime.run_folder import MODEL, Picture, Split, data_folder, read_run, read_unchanged


@dataclass(frozen=True)
class Run:
    """A run folder, the folder its pictures lie in, and its model.

    path, model: the same for a model of someone else's, which has no run folder. preparation: what is put around such a one.
    """

    path: Path
    data: Path
    manifest: Manifest
    pictures: tuple[Picture, ...]
    model: Path
    preparation: Preparation = UNCHANGED

    @property
    def model_sha256(self) -> str:
        """The identity of the trained model."""
        return self.manifest.artifacts[0].sha256

    @property
    def pictures_sha256(self) -> str:
        """The identity of the pictures that artifacts are calibrated and judged with."""
        rows = sorted(f"{picture.split} {picture.label} {picture.sha256}" for picture in self.pictures)
        return digest("\n".join(rows).encode("utf-8", "surrogatepass"))

    def split(self, name: Split) -> list[Picture]:
        """The pictures of one split.

        Raises:
            InputRefused: it has none.
        """
        pictures = [picture for picture in self.pictures if picture.split == name]
        if not pictures:
            where = "its pictures.csv lists no" if self.path != self.model else "--calib was not given, and there are no"
            raise InputRefused(str(self.path), f"{where} {name} pictures")
        return pictures

    def read(self, picture: Picture) -> bytes:
        """The content of a picture's file.

        Raises:
            InputRefused: gone, or not what the model was trained with.
        """
        return read_unchanged(self.data, picture)


def open_run(path: Path, data: Path | None) -> Run:
    """Opens a run folder; `data` is where its pictures are now, if they moved.

    Raises:
        InputRefused: not a run folder, or its model is missing, empty, cut, not a Keras file, or changed.
    """
    if path.is_file():
        check_keras_file(path)
        raise InputRefused(str(path), "a Keras file; give the run folder that it is in, or its --labels, --calib and --verify")
    manifest, pictures = read_run(path)
    require("export", "export", "tensorflow", "keras", "h5py")
    Plugin("export.keras_weights:check_weights", extra="export").load()(path / MODEL, check_keras_file(path / MODEL))
    return Run(path, data_folder(manifest, data), manifest, pictures, path / MODEL)


def balanced(pictures: list[Picture], count: int, seed: int) -> list[Picture]:
    """At most `count` pictures, as evenly over the classes as they allow: shuffled, then one of each class in turn."""
    shuffled = np.random.default_rng(seed).permutation(np.arange(len(pictures)))
    rank: dict[str, int] = {}
    order = []
    for index in shuffled:
        label = pictures[index].label
        rank[label] = rank.get(label, 0) + 1
        order.append((rank[label], label, int(index)))
    return [pictures[index] for _, _, index in sorted(order)[:count]]
