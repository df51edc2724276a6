"""`--precision auto`: the first model file, from the smallest and fastest to the most exact, that passes the gate."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from export.bundle_writer import Made
from export.kind import Kind
from export.run import Export, ExportOptions, ExportResult, open_export
from export.rung import Rung, culprit, describe, rung_from, rung_of
from runtime import cli
from runtime.errors import CheckFailed, InputRefused, QuinceError

INT8 = Kind("tflite", "int8")
WHOLE = (INT8, replace(INT8, ranges="percentile"), replace(INT8, equalized=True))
"""The rungs with every layer in int8."""
LAST = tuple(Kind("tflite", precision) for precision in ("int16x8", "dynamic", "fp16", "fp32"))
MOST_IN_FLOAT = 6
"""Layers left in float before the ladder goes on: each is one conversion and one pass over the test pictures."""
HURT = 0.1
"""The part of its signal from which a layer is left in float: with ranges that fit, layers lose up to a tenth by rounding alone."""


@dataclass(frozen=True)
class Climb:
    """The result of the last rung, which passed unless none did, and all rungs from the first to it."""

    result: ExportResult
    rungs: tuple[Rung, ...]


@dataclass(frozen=True)
class _Try:
    """A kind and the model file that came of it, or why none did."""

    kind: Kind
    made: Made | QuinceError

    @property
    def failed(self) -> bool:
        return not isinstance(self.made, Made) or self.made.record["outcome"] == "failed"


def climb(run: Path, bundle: Path, options: ExportOptions, *, data: Path | None, overwrite: bool) -> Climb:
    """Tries rung after rung until one passes, and publishes that one. int8 fine-tuned for it is one of them if the options say so.

    Raises:
        what `export.run.export` raises, if no rung gives a model file.
    """
    with open_export(run, bundle, options, data=data, overwrite=overwrite) as export:
        if before := _climbed_before(export):
            return before
        _require_pictures(export)
        tried: list[_Try] = []
        for kind in _kinds(tried, qat=options.qat_epochs > 0):
            export.already_there([kind])
            tried.append(_attempt(export, kind))
            cli.say(f"rung {len(tried)}, {describe(kind)}{_which(kind)}: {_outcome(tried[-1])}")
            if not tried[-1].failed:
                break
        last = tried[-1].made
        if not isinstance(last, Made):
            raise last
        rungs = _rungs(export, tried)
        recorded = replace(last, record={**last.record, "ladder": [asdict(rung) for rung in rungs]})
        (result,) = export.settle([recorded]).values()
    return Climb(result, rungs)


def _kinds(tried: Sequence[_Try], *, qat: bool) -> Iterator[Kind]:
    """What to try next, given what came of all before."""
    yield from WHOLE
    best = max((one for one in tried if isinstance(one.made, Made)), key=_closeness, default=None)
    last = best
    while last and isinstance(last.made, Made) and len(last.kind.float_layers) < MOST_IN_FLOAT and (layer := _worst_layer(last.made)):
        yield replace(last.kind, precision="mixed", float_layers=(*last.kind.float_layers, layer))
        last = tried[-1]
    if qat:
        yield replace(INT8, equalized=any(one.kind.equalized and isinstance(one.made, Made) for one in tried), qat=True)
    yield from LAST


def _attempt(export: Export, kind: Kind) -> _Try:
    """A network that cannot be equalized, or gives an unusable range, is a failed try, not the end."""
    try:
        (made,) = export.judge([kind])
    except (InputRefused, CheckFailed) as error:
        return _Try(kind, error)
    return _Try(kind, made)


def _closeness(one: _Try) -> tuple[float, float]:
    """The larger, the nearer to the Keras model."""
    assert isinstance(one.made, Made)
    parity = one.made.record["parity"]
    return -parity["drop"], parity["agreement"]


def _worst_layer(made: Made) -> str | None:
    return next((str(one["layer"]) for one in made.record["layers"] if one["lost"] > HURT), None)


def _which(kind: Kind) -> str:
    return f" ({', '.join(kind.float_layers)})" if kind.float_layers else ""


def _outcome(one: _Try) -> str:
    if not isinstance(one.made, Made):
        return f"not possible, {one.made}"
    record = one.made.record
    return "; ".join([f"{record['outcome']}, accuracy {record['parity']['candidate_accuracy']:.4f}", *record["reasons"], *culprit(record)])


def _rungs(export: Export, tried: Sequence[_Try]) -> tuple[Rung, ...]:
    """The tries as rungs, every model file's latency measured here, in turn."""
    made = {describe(one.kind): one.made for one in tried if isinstance(one.made, Made)}
    times = export.session.latencies({name: export.session.write(one.artifact.file, one.content) for name, one in made.items()})
    return tuple(
        rung_of(one.kind, one.made.record, times[describe(one.kind)])
        if isinstance(one.made, Made)
        else Rung(describe(one.kind), one.kind.file, "not possible", (str(one.made),))
        for one in tried
    )


def _climbed_before(export: Export) -> Climb | None:
    """What a command like this one gave before, if it still stands in the bundle."""
    for result in export.made_before().values():
        rungs = result.record.get("ladder", ())
        if rungs or (result.artifact == INT8.file and INT8.file in export.already_there([INT8])):
            return Climb(result, tuple(rung_from(rung) for rung in rungs))
    return None


def _require_pictures(export: Export) -> None:
    """Raises what is wrong with the run's pictures now, where it would else fail one rung after another."""
    export.session.run.split("test")
    _ = export.session.calibration
