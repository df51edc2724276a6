"""Loads a model file and runs it on three images, in a process that may crash.

`first_load` runs this as `python -m runtime.models.first_load.child_process MODEL`.
"""

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from runtime.backends.base import EMBEDDED_MANIFEST, load_backend
from runtime.errors import CheckFailed, InputRefused
from runtime.file_formats.read_model_file import read_model_file
from runtime.models.external_model import open_external
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import Normalization
from runtime.models.quince_model import open_quince_model
from runtime.system.hashing import sha256_of
from runtime.system.subprocesses import print_answer


def question_text(sha256: str, spec: ModelSpec) -> str:
    """Returns what the child reads on its standard input.

    Args:
        sha256: of the content that the parent has read.
        spec: what the user states about the model.
    """
    normalization = asdict(spec.normalization) if spec.normalization else None
    plain = spec._asdict() | {"normalization": normalization}
    return json.dumps({"sha256": sha256, "spec": plain})


def spec_from_question(question: dict[str, Any]) -> ModelSpec:
    """Returns the spec in what the parent asked (see `question_text`)."""
    data = question["spec"]
    plain = data["normalization"]
    normalization = None
    if plain:
        normalization = Normalization(tuple(plain["mean"]), tuple(plain["std"]), plain["bgr"])
    tuples = {
        name: tuple(data[name]) for name in ("labels", "input_size") if data[name] is not None
    }
    return ModelSpec(**data | tuples | {"normalization": normalization})


def load_and_run(path: Path, question: dict[str, Any]) -> dict[str, bool]:
    """Loads the model as the runtime does and runs it on a black, a white and a noisy image.

    Raises:
        InputRefused: it cannot be loaded or run, or is not the file that the parent has read.
    """
    content = read_model_file(path)
    if sha256_of(content) != question["sha256"]:
        raise InputRefused(str(path), "it changed while it was read; try again")
    backend = load_backend(path, content, 1)
    if EMBEDDED_MANIFEST in backend.metadata:
        manifest, model = open_quince_model(path, backend)
    else:
        try:
            manifest, model, _ = open_external(path, content, backend, spec_from_question(question))
        except InputRefused:  # the parent meets the same refusal, at the same place
            return {"passed": False}
    shape = (manifest.preprocessing.height, manifest.preprocessing.width, 3)
    noise = np.random.default_rng(7).integers(0, 256, shape, np.uint8)
    with suppress(CheckFailed):  # a score that is no probability is no crash
        for pixels in (np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), noise):
            model.predict(pixels)
    return {"passed": True}


if __name__ == "__main__":
    print_answer(lambda: load_and_run(Path(sys.argv[1]), json.load(sys.stdin)))
