"""README.md of a bundle: a Hugging Face model card with a model-index, made of measured results only.

The scalars of its YAML are JSON, so that no label can be anything but a text. It names no licence: nothing here knows it.
"""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from export.calibration_file import Sets, users
from export.trained import Run
from export.wording import OUTCOMES, drop, milliseconds

MOST_LABELS = 200
NOT_PRINTED_BY_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
ACTIVE_IN_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&$:])")


def model_card(run: Run, records: Mapping[str, Mapping[str, Any]], sets: Sets) -> str:
    """The text of the card. `records` maps a model file's name to what parity.json says of it, `sets` is what calibration.json holds."""
    environment = Environment(autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters |= {"yaml": yaml_text, "markdown": markdown_text, "drop": drop, "milliseconds": milliseconds}
    first = next(iter(records.values()))
    template = environment.from_string((files("export") / "model_card.md.j2").read_text("utf-8"))
    return template.render(
        manifest=run.manifest,
        records=records,
        first=first,
        outcomes=OUTCOMES,
        data=Path(str(run.manifest.provenance.get("data", ""))).name or run.manifest.name,
        formats=sorted({file.rsplit(".", 1)[-1] for file in records}),
        accuracies=[
            ("Keras model", first["parity"]["reference_accuracy"]),
            *((file, record["parity"]["candidate_accuracy"]) for file, record in records.items()),
        ],
        most_labels=MOST_LABELS,
        fewest=min(sum(picture.label == label for picture in run.split("test")) for label in run.manifest.labels),
        sets=[(users(key, records), one) for key, one in sorted(sets.items()) if users(key, records)],
    )


def yaml_text(text: str) -> str:
    """A double-quoted YAML scalar of the text, on one line."""
    return NOT_PRINTED_BY_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def markdown_text(text: str) -> str:
    """The text on one line, with all that Markdown or HTML would act on escaped."""
    plain = (part if part.isprintable() else part.encode("unicode_escape", "surrogatepass").decode() for part in text)
    return ACTIVE_IN_MARKDOWN.sub(r"\\\1", "".join(plain))
