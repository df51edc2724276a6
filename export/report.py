"""report.html: what the parity gate measured for each artifact, on one page that needs no other file."""

import base64
from collections.abc import Mapping
from importlib.resources import files
from io import BytesIO
from typing import Any

from jinja2 import Environment, StrictUndefined
from PIL import Image

from export.trained import Run
from runtime.preprocess import preprocess
from runtime.provenance import versions

MOST_FLIPS = 24
THUMBNAIL_SIDE = 112


def render(run: Run, artifacts: Mapping[str, Mapping[str, Any]]) -> str:
    """The page. `artifacts` maps a model file's name to what parity.json says of it."""
    pictures = {picture.path: picture for picture in run.pictures}
    shown = {flip["picture"] for record in artifacts.values() for flip in record["parity"]["flips"][:MOST_FLIPS]}
    thumbnails = {path: _thumbnail(preprocess(run.read(pictures[path]), run.manifest.preprocessing)) for path in shown if path in pictures}
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("export") / "report.html.j2").read_text("utf-8"))
    used = {**run.manifest.provenance.get("versions", {}), **versions("ai-edge-litert", "onnxruntime", "tf2onnx", "onnx")}
    return template.render(manifest=run.manifest, artifacts=artifacts, thumbnails=thumbnails, most_flips=MOST_FLIPS, versions=used)


def _thumbnail(pixels: Any) -> str:
    """A data: URL of a small JPEG."""
    image = Image.fromarray(pixels)
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    content = BytesIO()
    image.save(content, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
