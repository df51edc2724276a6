"""A model file of someone else's: its labels and preprocessing from what it says of itself, and from what the user says of it.

In this order: the user; Ultralytics' metadata; TFLite Metadata; a labels file alone in the archive behind a `.tflite`. What none of them
says is read off the shapes of input and output where they can mean one thing only, and asked for where not.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from runtime.backends import Backend
from runtime.errors import InputRefused
from runtime.foreign import Foreign
from runtime.labels_file import check_count, parse_labels, told_apart
from runtime.manifest import Manifest
from runtime.onnx_graph import read_graph
from runtime.preprocess import Preprocessing
from runtime.reading import Model, Reading
from runtime.scaling import MODES, Scaling
from runtime.tensors import Ending, find_layout, picture_size
from runtime.tflite_file import read_ending
from runtime.tflite_metadata import read_tflite_metadata
from runtime.ultralytics import SCALING, read_ultralytics

ENDINGS: Mapping[str, Callable[[bytes], Ending]] = {".tflite": read_ending, ".onnx": lambda content: read_graph(content).ending()}
"""By the file's suffix."""


def open_foreign(path: Path, content: bytes, backend: Backend, given: Foreign) -> tuple[Manifest, Model]:
    """The manifest and the model of the file at `path`, loaded as `backend`; what is `given` is believed before what the file says.

    Raises:
        InputRefused: it is no classifier of pictures, or something that has to be known is not; says what, and how to tell it.
    """
    name = str(path)
    known = _together(given, _found(path, content, backend, given))
    layout = find_layout(name, backend.input, known.layout)
    height, width = picture_size(name, backend.input, layout, known.input_size)
    try:
        preprocessing = Preprocessing(height, width, known.fit or "crop")
    except InputRefused as refusal:
        raise InputRefused(name, f"its input is {backend.input}: {refusal.reason}") from refusal
    if known.labels is None:
        raise InputRefused(name, "says no class names; give them with --labels FILE, one a line in the order of its outputs")
    scaling = _scaling(name, backend, given.scaling, known.scaling)
    bgr = known.channels == "bgr" or (scaling is not None and scaling.bgr)
    if scaling is not None and scaling.bgr and known.channels == "rgb":
        raise InputRefused("--channels", "found rgb, but --normalize caffe is blue, green, red")
    reading = Reading((height, width), layout, scaling, bgr, _are_logits(path, content, known))
    model = Model(name, backend, reading)
    check_count(known.labels_from or name, known.labels, model.classes)
    try:
        return Manifest(path.stem, told_apart(known.labels), preprocessing), model
    except InputRefused as refusal:
        raise InputRefused(known.labels_from or name, refusal.reason) from refusal


def _found(path: Path, content: bytes, backend: Backend, given: Foreign) -> Foreign:
    """What the file says of itself; labels and normalisation only where they are not given, so that one can make up for bad ones."""
    if ultralytics := read_ultralytics(str(path), backend.metadata):
        return Foreign(ultralytics.names, f"{path}: names", SCALING, "crop", ultralytics.size)
    if path.suffix != ".tflite":
        return Foreign()
    metadata = read_tflite_metadata(content)
    texts = [file for file in backend.metadata if file.endswith(".txt")]
    labels_file = metadata.labels_file if metadata else ""
    if not labels_file and len(texts) == 1:
        labels_file = texts[0]
    labels = scaling = None
    if given.labels is None and labels_file in backend.metadata:
        labels = parse_labels(backend.metadata[labels_file], f"{path}: {labels_file}")
    try:
        if given.scaling is None and metadata and (metadata.mean or metadata.std):
            scaling = Scaling(metadata.mean, metadata.std)
    except InputRefused as refusal:
        raise InputRefused(str(path), f"the normalisation in its TFLite Metadata cannot be meant: {refusal.reason}") from refusal
    return Foreign(labels, f"{path}: {labels_file}", scaling)


def _together(given: Foreign, found: Foreign) -> Foreign:
    return found._replace(**{name: value for name, value in given._asdict().items() if value is not None})


def _scaling(name: str, backend: Backend, given: Scaling | None, known: Scaling | None) -> Scaling | None:
    """For a uint8 input what the user says or nothing: TFLite Metadata's normalisation is of float inputs (tflite-support,
    metadata_schema.fbs), and a quantized model's scale and zero point hold it."""
    if backend.input.dtype is np.uint8:
        return given
    if known is None:
        raise InputRefused(
            name,
            f"takes {np.dtype(backend.input.dtype).name} and does not say what becomes of a pixel; say it with --normalize:"
            f" none (0..255), {', '.join(MODES)} or MEAN,STD",
        )
    return known


def _are_logits(path: Path, content: bytes, known: Foreign) -> bool:
    return known.scores == "logits" if known.scores else ENDINGS[path.suffix](content) == "other"
