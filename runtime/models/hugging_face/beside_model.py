"""Reads what config.json and preprocessor_config.json beside a model state."""

from pathlib import Path
from typing import Any, NamedTuple

from runtime.errors import InputRefused, naming
from runtime.models.hugging_face.image_processor import (
    Geometry,
    is_bgr,
    read_geometry,
    read_normalization,
)
from runtime.models.hugging_face.location import FilesBeside
from runtime.models.hugging_face.timm import from_timm
from runtime.models.label_tables import names_in_json
from runtime.models.model_spec import MAX_SIDE, ModelSpec
from runtime.system.json_records import parse_json, read_content

MAX_BYTES = 4 * 2**20
CONFIG_KEYS = ("model_type", "architectures", "architecture", "id2label", "label_names")
"""One of these is in each config.json of Hugging Face; other programs write such a file too."""
PROCESSOR_KEYS = ("image_mean", "size", "do_resize", "do_normalize", "do_rescale", "crop_size")


class BesideModel(NamedTuple):
    """Holds what the files beside a model state, and in a line what Quince does otherwise."""

    spec: ModelSpec = ModelSpec()
    remark: str = ""


def read_beside(files: FilesBeside, stated: ModelSpec) -> BesideModel:
    """Returns what the files beside a model state.

    What `stated` holds already is not read, so that a user can replace damaged values.

    Raises:
        InputRefused: a file is damaged, or states something that Quince cannot do.
    """
    config, processor = files
    data = _object(config) if _needs_config(stated) else {}
    spec = _from_config(config, data, stated)
    whole = stated.normalization and stated.fit and stated.input_size
    table = {} if whole else _object(processor)
    timm = table.get("pretrained_cfg") or data.get("pretrained_cfg")
    with naming(
        processor if table else config,
        "{}; correct it, or state --normalize, --fit and --input-size",
    ):
        if isinstance(timm, dict):
            table = from_timm(timm)
        if not any(key in table for key in PROCESSOR_KEYS):
            return BesideModel(spec)
        geometry = Geometry(None, "crop", ())
        if not (stated.fit and stated.input_size):
            geometry = read_geometry(table)
        if stated.normalization is None:
            normalization = read_normalization(table)
            order = "bgr" if is_bgr(table) else spec.channel_order
            spec = spec._replace(normalization=normalization, channel_order=order)
    if geometry.size or not stated.fit:
        spec = spec._replace(fit=geometry.fit, input_size=geometry.size or spec.input_size)
    remark = ""
    if geometry.differences and stated.fit is None:
        listed = "; ".join(geometry.differences)
        remark = f"{processor if processor.is_file() else config}: not quite as stated: {listed}"
    return BesideModel(spec, remark)


def _needs_config(stated: ModelSpec) -> bool:
    return stated.labels is None or stated.normalization is None


def _from_config(config: Path, data: dict[str, Any], stated: ModelSpec) -> ModelSpec:
    """Returns the class names, the size and the channels that config.json states."""
    if not any(key in data for key in CONFIG_KEYS):
        return ModelSpec()
    labels = None
    for key in ("id2label", "label_names"):
        if stated.labels is None and data.get(key) and labels is None:
            labels = names_in_json({"names": data[key]}, f"{config}: {key}")
    if data.get("problem_type") == "multi_label_classification" and stated.scores is None:
        raise InputRefused(
            str(config),
            "states problem_type multi_label_classification: each class has a sigmoid of its own;"
            " put it into the model and use --scores probabilities, or use --scores logits for"
            " one answer per image",
        )
    side = data.get("image_size")
    size = (side, side) if type(side) is int and 0 < side <= MAX_SIDE else None
    return ModelSpec(
        labels,
        f"{config}: id2label" if labels else None,
        input_size=size,
        channel_order="grey" if data.get("num_channels") == 1 else None,
    )


def _object(file: Path) -> dict[str, Any]:
    """Returns the JSON object in a file; empty without the file."""
    if not file.is_file():
        return {}
    with naming(file, "{}; correct it, or state --labels, --normalize, --fit and --input-size"):
        data = parse_json(read_content(file, ""), MAX_BYTES)
        if not isinstance(data, dict):
            kind = type(data).__name__
            raise InputRefused("JSON", f"expected a JSON object, found a {kind}")
    return data
