"""Saves a Keras model as a `.keras` file."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import keras

from workstation.keras_archive import CONFIG, METADATA, WEIGHTS
from workstation.zip_archive import write_zip


def save_keras_file(model: keras.Model, path: Path) -> None:
    """Writes `model` to `path`, as `model.save` does, whatever the clock says.

    Keras' own archive has the date of today, which a zip cannot hold before 1980.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch, ExitStack() as stack:
        folder = Path(scratch) / "model"
        keras.saving.save_model(model, folder, zipped=False)
        names = (METADATA, CONFIG, WEIGHTS)
        write_zip(path, {name: stack.enter_context((folder / name).open("rb")) for name in names})
