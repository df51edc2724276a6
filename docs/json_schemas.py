"""Makes JSON Schemas from the types of Quince: of a bundle's files, and of what --json prints."""

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from runtime.system.json_records import is_required

PLAIN_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
Schema = dict[str, Any]


@dataclass
class Schemas:
    """Makes schemas; those of dataclasses are collected in `shared` if there is one.

    outputs: whether they describe what was written by `asdict`, in which no field is left out.
    """

    shared: Schema | None = None
    outputs: bool = False

    def of(self, kind: Any) -> Schema:
        """Returns the JSON Schema of a type, in which `Annotated` adds constraints.

        `kind` is a dataclass, a NamedTuple, a list or tuple, Mapping[str, X], Literal, a union,
        Annotated, Any or a plain type.
        """
        origin, arguments = get_origin(kind), get_args(kind)
        if is_dataclass(kind):
            return self._dataclass(kind)
        if kind is Any:
            return {}
        if origin is Annotated:
            return {**self.of(arguments[0]), **arguments[1]}
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in (UnionType, Union):
            return {"anyOf": [self.of(argument) for argument in arguments]}
        if hasattr(kind, "_fields"):  # a NamedTuple is an array in JSON
            origin, arguments = tuple, tuple(get_type_hints(kind).values())
        if origin is tuple and arguments[-1] is not ...:
            items = [self.of(argument) for argument in arguments]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "items": False}
        if origin in (tuple, list, Sequence):
            return {"type": "array", "items": self.of(arguments[0])}
        if origin in (Mapping, dict):
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        return {"type": PLAIN_TYPES[kind]}

    def properties(self, kind: Any, without: Sequence[str] = ()) -> Schema:
        """Returns the schemas of the fields of a dataclass or NamedTuple, by name."""
        from runtime.models.adopted_spec import AdoptedSpec  # a start of the runtime does without

        hints = get_type_hints(kind, localns={"AdoptedSpec": AdoptedSpec}, include_extras=True)
        names = [part.name for part in fields(kind)] if is_dataclass(kind) else kind._fields
        return {name: self.of(hints[name]) for name in names if name not in without}

    def _dataclass(self, kind: Any) -> Schema:
        if self.shared is None:
            return self._object(kind)
        name = f"{kind.__module__}.{kind.__name__}"
        if name not in self.shared:
            self.shared[name] = {}  # a type that holds itself finds it
            description = {"description": inspect.getdoc(kind)}
            self.shared[name] = {**description, **self._object(kind)}
        return {"$ref": f"#/$defs/{name}"}

    def _object(self, kind: Any) -> Schema:
        required = [part.name for part in fields(kind) if self.outputs or is_required(part)]
        return closed(self.properties(kind), required)


def closed(properties: Schema, required: Sequence[str]) -> Schema:
    """Returns the schema of an object that has these properties and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def schema_text(title: str, schema: Schema) -> str:
    """Returns the content of a file with the schema of what `title` names."""
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps({**draft, **schema}, indent=1) + "\n"


def manifest_schema() -> str:
    """Returns the JSON Schema of manifest.json."""
    from runtime.models.manifest import Manifest

    return schema_text("manifest.json of a bundle", Schemas().of(Manifest))


def golden_schema() -> str:
    """Returns the JSON Schema of golden/golden.json."""
    from runtime.bundles.golden_images import SCHEMA, GoldenImage

    samples = {"type": "array", "minItems": 1, "items": Schemas().of(GoldenImage)}
    properties = {"schema": {"const": SCHEMA}, "samples": samples}
    return schema_text("golden/golden.json of a bundle", closed(properties, list(properties)))


def recommended_schema() -> str:
    """Returns the JSON Schema of recommended.json."""
    from runtime.bundles.recommendation import Recommendation

    return schema_text("recommended.json of a bundle", Schemas().of(Recommendation))


def outputs_schema() -> str:
    """Returns the JSON Schemas of what each command prints or writes with --json.

    A line that a command prints is of its schema in `$defs`, or of `error`.
    """
    from runtime.cli.output import JSON_SCHEMA

    shared: Schema = {}
    schemas = Schemas(shared, outputs=True)
    version = {"schema": {"const": JSON_SCHEMA}}
    error = {"thing": {"type": "string"}, "reason": {"type": "string"}}
    error |= {"exit_code": {"type": "integer"}}
    strings = {"type": "object", "additionalProperties": {"type": "string"}}
    properties = {**version, "error": closed(error, list(error)), "image": {"type": "string"}}
    properties["refused_files"] = {"type": "array", "items": strings}
    commands = {"error": closed(properties, ["schema", "error"])}
    for command, kinds in _printed(schemas).items():
        options = [closed(version | every | some, [*version, *every]) for every, some in kinds]
        commands[command] = options[0] if len(options) == 1 else {"anyOf": options}
    commands |= {command: schemas.of(kind) for command, kind in _written().items()}
    lines = (
        f"{json.dumps(name)}: {json.dumps(row)}" for name, row in {**commands, **shared}.items()
    )
    defs = ",\n".join(lines)
    text = schema_text("What commands print with --json, by command", {"$defs": {}})
    return text.replace('"$defs": {}', f'"$defs": {{\n{defs}\n}}')


def _written() -> dict[str, Any]:
    """Returns the types of the files that commands write with --json FILE."""
    from benchmarks.accuracy import AccuracyReport
    from benchmarks.reporting.result_file import LatencyReport
    from benchmarks.soak import SoakReport

    return {
        "bench latency": LatencyReport,
        "bench accuracy": AccuracyReport,
        "bench soak": SoakReport,
    }


def _printed(schemas: Schemas) -> dict[str, list[tuple[Schema, Schema]]]:
    """Returns the fields of each kind of line by command: those in every line, and others."""
    from benchmarks.comparison import Ratio
    from export.adoption import Adoption
    from export.commands.judge import Judgement
    from export.exporter import ExportResult
    from export.hub import Fetched, Published
    from runtime.answer import Prediction, Verdict
    from runtime.bundles.description import Description
    from runtime.commands.doctor.diagnose import Diagnosis
    from runtime.deployment.install import InstallResult
    from runtime.deployment.update import UpdateResult
    from runtime.deployment.verification import Verification
    from runtime.monitor.shadow import ShadowReport
    from runtime.monitor.sinks.events import AnswerChange, ModelRef
    from train.data.quality import DataQuality
    from train.evaluation.evaluate import Evaluation
    from train.evaluation.metrics import OneClassFigures
    from train.review.review import Review
    from train.selection.choice import ChoiceLimits
    from train.selection.select_network import NetworkChoice
    from train.trainer import TrainResult
    from train.tuning.tune import TuneResult

    fields_of, of = schemas.properties, schemas.of
    prediction = fields_of(Prediction)
    predictions = {"predictions": {"type": "array", "items": closed(prediction, list(prediction))}}
    answer = {"image": of(str), **predictions}
    model = {
        "bundle_id": of(str),
        "verdict": of(Verdict),
        "unknown": of(bool),
        "similarity": of(float),
    }
    explained = {**model, "explanation": of(str)}
    change = fields_of(AnswerChange, without=("view", "model_ref"))
    change |= predictions | fields_of(ModelRef)
    verified = {
        name: of(get_type_hints(value.fget)["return"])
        for name, value in vars(Verification).items()
        if isinstance(value, property)
    }
    command = {"train_command": of(str)}
    review = {"labels_compared": of(int), **fields_of(Review)}
    checked = {
        "input_size": of(int),
        "counts": of(dict[str, dict[str, int]]),
        "refused_files": of(tuple[dict[str, str], ...]),
        "left_out_files": of(tuple[str, ...]),
    }
    one_class = {"run": of(str), **fields_of(OneClassFigures), "reused": of(bool)}
    installed = (fields_of(InstallResult), {})
    export = [(fields_of(ExportResult), {})]
    return {
        "run predict": [(answer, explained)],
        "run camera": [(change | {"source": of(str), "view": of(str)}, {})],
        "run verify": [(fields_of(Verification) | verified | {"bundle_id": of(str)}, {})],
        "run install": [installed, (fields_of(ShadowReport), {})],
        "run update": [(fields_of(UpdateResult), {})],
        "run rollback": [installed],
        "run info": [(fields_of(Description), {})],
        "run doctor": [(fields_of(Diagnosis), {})],
        "train": [(fields_of(TrainResult), {}), (one_class, {})],
        "train check": [(fields_of(DataQuality) | checked, {"review": closed(review, review)})],
        "train evaluate": [(fields_of(Evaluation), {})],
        "train predict": [(answer, {})],
        "train tune": [(fields_of(TuneResult) | command, {})],
        "train choose": [(fields_of(NetworkChoice) | fields_of(ChoiceLimits) | command, {})],
        "export tflite": export,
        "export onnx": export,
        "export all": export,
        "export judge": [(fields_of(Judgement), {})],
        "export adopt": [(fields_of(Adoption), {})],
        "export push": [(fields_of(Published), {})],
        "export pull": [(fields_of(Fetched), {})],
        "bench compare": [(fields_of(Ratio), {})],
    }
