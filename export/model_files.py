"""Makes the model file of each spec, with an output of similarities; compares nothing."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.formats.artifact_spec import CALIBRATED, ArtifactSpec
from export.formats.registry import FORMATS, Conversion
from export.formats.targets.targets import check_targets, targets_of_format
from export.parity.similarity_sample import file_features
from export.publish import bundle_manifest
from export.session import Session
from runtime.bundles.examples import MAX_EXAMPLES
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.explanation.linear_head import open_linear_head
from runtime.shared.progress import Progress
from workstation.similarity.prototypes import PrototypeFacts, choose_prototypes


def convert_all(
    session: Session, specs: Sequence[ArtifactSpec]
) -> tuple[dict[str, Conversion], dict[str, PrototypeFacts]]:
    """Returns the conversions, and what is known about their prototypes, by model file."""
    conversions, prototypes = {}, {}
    with Progress("convert", len(specs)) as bar:
        for spec in specs:
            if session.run.is_one_class and not spec.float_scores:
                raise InputRefused(
                    "--io",
                    "expected auto or float for a model of one class, whose answer is a float;"
                    " leave it out",
                )
            conversion, facts = _with_similarity(session, spec, _convert(session, spec))
            if facts:
                prototypes[spec.file] = facts
            targets = targets_of_format(spec.targets, spec.format)
            check_targets(spec.file, conversion.content, targets)
            conversions[spec.file] = conversion
            bar.advance(note=spec.file)
    return conversions, prototypes


def _with_similarity(
    session: Session, spec: ArtifactSpec, conversion: Conversion
) -> tuple[Conversion, PrototypeFacts | None]:
    """Adds the output of similarities, with prototypes of the file's own features.

    A file whose scores are integers is for devices without floats, and stays as it is.
    """
    row = FORMATS[spec.format]
    if not spec.float_scores or row.with_features is None or row.with_similarity is None:
        return conversion, None
    sample = session.similarity_sample
    if sample is None:
        warning = "without training images (--calibration-data) a low score alone means unknown"
        return Conversion(conversion.content, (*conversion.warnings, warning)), None
    with session.imports():
        content = row.with_features.load()(conversion.content)
    if content is None:
        warning = "has no features before its scores, so a low score alone means unknown"
        return Conversion(conversion.content, (*conversion.warnings, warning)), None
    features = file_features(session.write(spec.file, content), sample.pixels)
    prototypes = choose_prototypes(
        features, sample.truth, len(session.run.manifest.labels), len(conversion.content)
    )
    content = row.with_similarity.load()(conversion.content, prototypes)
    facts = PrototypeFacts(prototypes.table.shape[1], len(sample.truth))
    if session.options.examples and _has_map(session.write(spec.file, content)):
        facts = facts._replace(features=features[:MAX_EXAMPLES])
    return Conversion(content, conversion.warnings), facts


def _has_map(file: Path) -> bool:
    """Whether a device can get the features of an image from a model file."""
    return open_linear_head(Classifier(file, checked=True), file.read_bytes()) is not None


def _convert(session: Session, spec: ArtifactSpec) -> Conversion:
    model = session.prepared(spec)
    if spec.precision in CALIBRATED:
        pixels = session.calibration.pixels
    else:
        pixels = np.empty((0, *session.run.manifest.preprocessing.shape), np.uint8)
    row = FORMATS[spec.format]
    target = row.convert_onnx if session.run.onnx else row.convert
    assert target is not None  # `open_export` refuses other formats
    with session.imports():
        convert = target.load()
    conversion: Conversion = convert(model, spec, pixels, bundle_manifest(session.run))
    return conversion
