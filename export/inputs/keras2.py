"""Turns an `.h5` file of Keras 2 into a SavedModel, which Keras 3 and TFLite read.

tf_keras, the maintained Keras 2, reads the file in a child process with a limit of memory and time.
The child runs this module too. The SavedModel stays in the cache under the file's sha256, so each
file is converted once.
"""

import importlib.util
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.inputs.limited_child import answer_limited, ask_limited_child
from export.inputs.saved_model_files import is_saved_model
from runtime.errors import InputRefused
from runtime.shared.progress import Progress
from runtime.system.atomic_files import new_folder
from runtime.system.cache_dir import default_cache
from runtime.system.hashing import sha256_of
from runtime.system.memory import limited_memory
from workstation.keras_archive import HDF5
from workstation.keras_config import written_by_keras_2
from workstation.keras_setup import prepare_tensorflow

PACKAGE = "tf_keras"
INSTALL = "pip install --no-deps 'tf_keras>=2.21,<2.22'"
"""Without --no-deps pip adds the package `tensorflow` to `tensorflow-cpu`, which has the same
files."""


def is_hdf5(path: Path) -> bool:
    """Whether `path` is a file of HDF5, as Keras 2 saves models."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HDF5)) == HDF5


def check_keras2_file(path: Path) -> None:
    """Checks that an HDF5 file says it is a model of Keras 2, and that tf_keras is installed.

    The version is searched in the bytes; the file is not opened.

    Raises:
        InputRefused: it is of Keras 3, or of no Keras, or tf_keras is not installed.
    """
    match = re.search(rb"keras_version.*?\0(\d\.\d{1,2}\.\d{1,2})", path.read_bytes(), re.DOTALL)
    if match is None:
        raise InputRefused(
            str(path),
            "an HDF5 file in which no Keras model is found; save it where it was made with"
            " model.save('model.keras')",
        )
    version = match[1].decode()
    if not version.startswith("2."):
        raise InputRefused(
            str(path),
            f"an .h5 file of Keras {version}, which can hold code; load it where it was made and"
            " save it with model.save('model.keras')",
        )
    if importlib.util.find_spec(PACKAGE) is None:
        raise InputRefused(
            str(path),
            f"an .h5 file {written_by_keras_2(version)}; or install its reader and run this again:"
            f" {INSTALL}",
        )


def saved_model_of(path: Path) -> Path:
    """Returns the folder with the SavedModel of a file that `check_keras2_file` accepted.

    Raises:
        InputRefused: the file names code or other files, or tf_keras cannot load it, or it crashes
            the child or takes too much memory or time.
        MachineError: the cache cannot be written.
    """
    target = default_cache() / "keras2" / sha256_of(path.read_bytes())
    if is_saved_model(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with Progress("read with tf_keras", 1) as bar, new_folder(target) as folder:
        ask_limited_child(__name__, path, path.stat().st_size, folder, library="tf_keras")
        bar.advance()
    return target


def convert_in_child(path: Path, limit: int, folder: str) -> Mapping[str, Any]:
    """Writes the SavedModel to `folder`, in the child."""
    from export.inputs.keras2_config import check_hdf5  # the parent does not need its h5py

    check_hdf5(path)
    prepare_tensorflow()
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow  # noqa: F401
    import tf_keras

    with limited_memory(limit):
        tf_keras.models.load_model(path, compile=False).export(folder)
    return {"converted": True}


if __name__ == "__main__":
    answer_limited(convert_in_child)
