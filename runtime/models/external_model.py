"""Opens a model file from elsewhere with the labels and preprocessing that the user or it states.

The sources are asked in this order: the user; Ultralytics' metadata; TFLite Metadata; a labels file
alone in the archive behind a `.tflite`; a ZipMap; Hugging Face's files beside the model. If none of
them states something, the shapes of input and output decide where they can mean one thing only;
otherwise the user has to state it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from runtime.backends.base import Backend
from runtime.errors import InputRefused, naming
from runtime.file_formats.onnx import read_onnx_graph
from runtime.file_formats.output_activation import OutputActivation
from runtime.file_formats.tensors import ScoreKind, find_image_size, find_layout, image_shape
from runtime.file_formats.tflite import read_output_activation
from runtime.file_formats.tflite_metadata import read_tflite_metadata
from runtime.images.preprocessing import Preprocessing
from runtime.models.hugging_face.location import find_files_beside
from runtime.models.io_adapter import InputSpec, ModelAdapter, input_encoder, output_shape
from runtime.models.labels import check_label_count, make_labels_unique, parse_labels
from runtime.models.manifest import Manifest
from runtime.models.model_spec import ModelSpec, merge
from runtime.models.normalization import MODES, UNIT, Normalization
from runtime.models.outputs import select_scores_output
from runtime.models.ultralytics_metadata import read_ultralytics

OUTPUT_ACTIVATION_READERS: Mapping[str, Callable[[bytes, int], OutputActivation]] = {
    ".tflite": read_output_activation,
    ".onnx": lambda content, number: read_onnx_graph(content).output_activation(number),
}
"""The function that finds a model's last activation, by the file's suffix.

It takes the file's content and the number of the output. The scores of any other format count as
logits, unless the user states what they are.
"""


def open_external(
    path: Path, content: bytes, backend: Backend, stated: ModelSpec | None
) -> tuple[Manifest, ModelAdapter, str]:
    """Returns the manifest and the model of the file at `path`, loaded as `backend`, and a remark.

    `stated` is what the user states, and overrides the file. The remark is on what Quince does
    otherwise than the files beside the model state; it may be empty.

    Raises:
        InputRefused: the file is no image classifier, or something that must be known is not; the
            message says what, and how to state it.
    """
    name = str(path)
    user_spec = stated or ModelSpec()
    spec = merge(user_spec, _spec_in_file(path, content, backend, user_spec))
    remark = ""
    if files := find_files_beside(path):
        # Imported here, because most models lie beside no such files.
        from runtime.models.hugging_face.beside_model import read_beside

        beside, remark = read_beside(files, spec)
        spec = merge(spec, beside)
    layout = find_layout(name, backend.input, spec.layout)
    template = "{}" if user_spec.input_size else "{}; state another size with --input-size"
    with naming(name, template if spec.input_size else "{}"):
        height, width = find_image_size(name, image_shape(backend.input), layout, spec.input_size)
    with naming(name, f"its input is {backend.input}: {{}}"):
        preprocessing = Preprocessing(height, width, spec.fit or "crop")
    if spec.labels is None:
        raise InputRefused(
            name,
            "has no class names; give them with --labels FILE, one a line in the order of its"
            " outputs",
        )
    normalization = _normalization(name, backend, user_spec.normalization, spec.normalization)
    bgr = spec.channel_order == "bgr"
    if normalization is not None and normalization.bgr:
        if spec.channel_order == "rgb":
            raise InputRefused(
                "--channel-order", "found rgb, but --normalize caffe is blue, green, red"
            )
        bgr = True
    is_grey = spec.channel_order == "grey"
    input_spec = InputSpec((height, width), layout, normalization, bgr, grey=is_grey)
    encode = input_encoder(name, backend, input_spec)
    select_scores_output(
        name,
        backend,
        spec.output,
        len(spec.labels),
        lambda: output_shape(backend, encode, input_spec),
    )
    activation = _output_activation(path, content, backend)
    is_logits = spec.scores == "logits" if spec.scores else activation == "other"
    model = ModelAdapter(name, backend, input_spec._replace(softmax=is_logits))
    labels_from = spec.labels_from or name
    if model.is_single:
        _check_single_score(name, spec.labels, spec.scores, activation)
    check_label_count(labels_from, spec.labels, model.classes)
    with naming(labels_from):
        manifest = Manifest(path.stem, make_labels_unique(spec.labels), preprocessing)
    return manifest, model, remark


def _output_activation(path: Path, content: bytes, backend: Backend) -> OutputActivation:
    read_activation = OUTPUT_ACTIVATION_READERS.get(path.suffix)
    if read_activation is None:
        return "other"
    return read_activation(content, getattr(backend, "output_number", 0))


def _check_single_score(
    name: str, labels: tuple[str, ...], scores: ScoreKind | None, activation: OutputActivation
) -> None:
    """Refuses one score for two classes if nobody knows how to read it."""
    if len(labels) != 2:
        raise InputRefused(
            name,
            "has a single output (1, 1) (a sigmoid, for two classes), but there are"
            f" {len(labels)} labels; give it an output for each, with a softmax",
        )
    if activation == "softmax":
        raise InputRefused(
            name,
            "its single output is the softmax of one number, which is always 1; train it with a"
            " sigmoid, or with one output a class",
        )
    if activation == "other" and scores is None:
        raise InputRefused(
            name,
            "its single output comes from no sigmoid; state with --scores whether it is the"
            f" probability of {labels[1]!r} or its logit",
        )


def _spec_in_file(path: Path, content: bytes, backend: Backend, user_spec: ModelSpec) -> ModelSpec:
    """Returns what the file states.

    Labels and normalization are read only if the user did not state them, so that a user can
    replace damaged ones.
    """
    if ultralytics := read_ultralytics(str(path), backend.metadata):
        # Its classifiers take 0..1 (ultralytics, data/augment.py: DEFAULT_MEAN and DEFAULT_STD).
        return ModelSpec(ultralytics.names, f"{path}: names", UNIT, "crop", ultralytics.size)
    if path.suffix == ".onnx":
        return _spec_in_onnx(path, content, user_spec)
    if path.suffix != ".tflite":
        return ModelSpec()
    metadata = read_tflite_metadata(content)
    text_files = [file for file in backend.metadata if file.endswith(".txt")]
    labels_file = metadata.labels_file if metadata else ""
    if not labels_file and len(text_files) == 1:
        labels_file = text_files[0]
    labels = normalization = None
    if user_spec.labels is None and labels_file in backend.metadata:
        labels = parse_labels(backend.metadata[labels_file], f"{path}: {labels_file}")
    if user_spec.normalization is None and metadata and (metadata.mean or metadata.std):
        with naming(path, "the normalization in its TFLite Metadata is not usable: {}"):
            normalization = Normalization(metadata.mean, metadata.std)
    return ModelSpec(labels, f"{path}: {labels_file}" if labels else None, normalization)


def _spec_in_onnx(path: Path, content: bytes, user_spec: ModelSpec) -> ModelSpec:
    """Returns the class names in the only ZipMap of an ONNX file, and the output that it makes."""
    graph = read_onnx_graph(content)
    tables = [name for name in graph.outputs if graph.zipmap_classes(name)]
    output = user_spec.output or "".join(tables[:1])
    if output not in tables or (len(tables) > 1 and not user_spec.output):
        return ModelSpec()
    labels = tuple(map(str, graph.zipmap_classes(output)))
    if repeated := [label for label in labels if labels.count(label) > 1]:
        raise InputRefused(
            str(path),
            f"the table of its output {output} has the class {repeated[0]!r} twice, so it loses a"
            " score; export it without ZipMap, or choose another output with --scores-output",
        )
    return ModelSpec(labels, f"{path}: ZipMap {output}", output=output)


def _normalization(
    name: str, backend: Backend, user: Normalization | None, merged: Normalization | None
) -> Normalization | None:
    """Returns the normalization to apply; for a uint8 input, only the user's.

    TFLite Metadata's normalization is of float inputs (tflite-support, metadata_schema.fbs), and a
    quantized model's scale and zero point hold it already.
    """
    if backend.input.dtype is np.uint8:
        return user
    if merged is None:
        raise InputRefused(
            name,
            f"takes {np.dtype(backend.input.dtype).name} and does not state how to normalize"
            f" pixels; state it with --normalize: none (0..255), {', '.join(MODES)} or MEAN,STD",
        )
    return merged
