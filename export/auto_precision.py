"""Makes int8 again in other ways where the gate refuses it, and searches for other precisions."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from export.conversion import convert_and_compare
from export.exporter import ExportResult, ExportTask, open_export
from export.formats.artifact_spec import ArtifactSpec
from export.formats.registry import FORMATS
from export.inputs.trained_run import TrainedRun
from export.options import ExportOptions
from export.parity.artifact_record import Attempt
from export.parity.baseline import PoorModel
from export.parity.gate import ParityLimits
from export.publish import ConvertedArtifact
from export.report.attempts import attempt_name, compared_attempt
from export.session import Session
from runtime.errors import CheckFailed, InputRefused, QuinceError
from runtime.shared.statistics import images_to_decide

MIN_LOST = 0.1
"""The lost part of its signal from which a layer is left in float.

With ranges that fit, layers lose up to a tenth by rounding alone.
"""
MAYBE_FASTER = ("dynamic", "fp16", "fp32")
"""Larger than int8, and faster on some processors; int16x8 is many times slower."""
MIN_FASTER = 0.05
"""By this share of the time a larger file must be faster; less is noise of the measurement."""


@dataclass(frozen=True)
class AutoPrecisionResult:
    """The result of the best attempt (see `search_precision`), and all attempts in order."""

    result: ExportResult
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class _AttemptedSpec:
    """A spec, the attempt for the record, and the artifact or the reason why there is none."""

    spec: ArtifactSpec
    attempt: Attempt
    made: ConvertedArtifact | QuinceError

    @property
    def failed(self) -> bool:
        return self.attempt.outcome in ("failed", "not possible")


def search_precision(
    run: TrainedRun,
    bundle: Path,
    options: ExportOptions,
    *,
    overwrite: bool,
    format_name: str = "tflite",
    int8_only: bool = False,
    on_attempt: Callable[[int, Attempt], None] = lambda number, attempt: None,
) -> AutoPrecisionResult:
    """Makes one artifact after another until one passes, and publishes that one.

    If none passes, it publishes the first that is undecided. Where the test images are too few for
    any to pass, an undecided one ends the search. If the options ask for fine-tuning, a fine-tuned
    int8 file is one of the attempts. If they prefer speed, larger files are made too, and the
    fastest one is published. With `int8_only` an undecided file always ends the search.

    Args:
        run, bundle, options, overwrite: as in `export.exporter.export`.
        format_name: of the files.
        int8_only: make int8 files alone: plain, with percentile ranges, equalized.
        on_attempt: called after each attempt with its number, from 1.

    Raises:
        What `export.exporter.export` raises, if no attempt gives a model file.
    """
    with open_export(run, bundle, options, overwrite=overwrite) as task:
        session, int8 = task.session, options.with_targets(ArtifactSpec(format_name, "int8"))
        before = _result_before(task, int8, int8_only=int8_only)
        if before:
            return before
        session.run.split("test")
        _ = session.calibration  # useless images would let one attempt after another fail
        attempted: list[_AttemptedSpec] = []
        plan = _int8_plan if int8_only else _auto_plan
        for planned in plan(session, int8, attempted):
            spec = options.with_targets(planned)
            task.reusable([spec])  # refuses a file that another command made
            attempted.append(_attempt(session, spec))
            on_attempt(len(attempted), attempted[-1].attempt)
        best = _best(attempted)
        attempts: tuple[Attempt, ...] = ()
        if len(attempted) > 1 or not int8_only:
            attempts = _timed_attempts(session, attempted)
            if options.prefer == "speed":
                best = _fastest(best, attempted, attempts)
        recorded = replace(best, record=replace(best.record, ladder=attempts))
        (result,) = task.publish_passed([recorded]).values()
    return AutoPrecisionResult(result, attempts)


def _int8_plan(
    session: Session, int8: ArtifactSpec, attempted: Sequence[_AttemptedSpec]
) -> Iterator[ArtifactSpec]:
    """Yields int8, and with other ranges as long as the gate refuses it here.

    Like all plans, it finds the result of each spec in `attempted` when it is asked for the
    next one.
    """
    for spec in _int8_specs(session, int8):
        yield spec
        first = attempted[0].made
        if not isinstance(first, ConvertedArtifact) or first.record.refused_on_device:
            return  # other ranges would not help
        if not attempted[-1].failed:
            return


def _auto_plan(
    session: Session, int8: ArtifactSpec, attempted: Sequence[_AttemptedSpec]
) -> Iterator[ArtifactSpec]:
    """Yields specs until one passes, or is undecided where none can pass; then the faster ones."""
    options = session.options
    can_pass = _can_pass(options.limits, len(session.run.split("test")))
    for spec in _auto_specs(session, int8, attempted):
        yield spec
        if attempted[-1].attempt.outcome == "passed" or not (can_pass or attempted[-1].failed):
            break
    if options.prefer == "speed":
        made = {done.spec.precision for done in attempted}
        for precision in FORMATS[int8.format].fallbacks:
            if precision in MAYBE_FASTER and precision not in made:
                yield ArtifactSpec(int8.format, precision)


def _int8_specs(session: Session, int8: ArtifactSpec) -> Iterator[ArtifactSpec]:
    yield from (int8, replace(int8, ranges="percentile"))
    if session.run.onnx is None:  # only a Keras model is equalized
        yield replace(int8, equalized=True)


def _auto_specs(
    session: Session, int8: ArtifactSpec, attempted: Sequence[_AttemptedSpec]
) -> Iterator[ArtifactSpec]:
    yield from _int8_specs(session, int8)
    best = _closest(attempted)
    if best:
        yield from _mixed_specs(best, attempted)
    if session.options.qat_epochs > 0:
        equalizable = any(
            done.spec.equalized and isinstance(done.made, ConvertedArtifact) for done in attempted
        )
        yield replace(int8, equalized=equalizable, qat=True)
    for precision in FORMATS[int8.format].fallbacks:
        yield ArtifactSpec(int8.format, precision)


def _can_pass(limits: ParityLimits, images: int) -> bool:
    """Whether a file can pass rather than stay undecided, with so many test images."""
    needed = images_to_decide(limits.max_drop)
    return needed is not None and images >= needed


def _best(attempted: Sequence[_AttemptedSpec]) -> ConvertedArtifact:
    """Returns the first artifact that passed, or else is undecided, or else the last one.

    Raises:
        QuinceError: no attempt made an artifact.
    """
    made = [done.made for done in attempted if isinstance(done.made, ConvertedArtifact)]
    for outcome in ("passed", "undecided"):
        for artifact in made:
            if artifact.record.outcome == outcome:
                return artifact
    last = made[-1] if made else attempted[-1].made
    if isinstance(last, QuinceError):
        raise last
    return last


def _fastest(
    best: ConvertedArtifact, attempted: Sequence[_AttemptedSpec], attempts: Sequence[Attempt]
) -> ConvertedArtifact:
    """Returns the fastest artifact with the outcome of `best`, or `best` if it is about as fast."""
    times = [
        (attempt.ms, done.made)
        for done, attempt in zip(attempted, attempts, strict=True)
        if isinstance(done.made, ConvertedArtifact)
        and attempt.ms is not None
        and done.made.record.outcome == best.record.outcome
    ]
    ms, fastest = min(times, key=lambda row: row[0])
    best_ms = next(ms for ms, made in times if made is best)
    return fastest if ms < (1 - MIN_FASTER) * best_ms else best


def _closest(attempted: Sequence[_AttemptedSpec]) -> _AttemptedSpec | None:
    """Returns the attempt whose artifact is closest to the Keras model."""

    def closeness(done: _AttemptedSpec) -> tuple[float, float]:
        assert isinstance(done.made, ConvertedArtifact)
        parity = done.made.record.parity
        return -parity.drop, parity.agreement

    made = [done for done in attempted if isinstance(done.made, ConvertedArtifact)]
    return max(made, key=closeness, default=None)


def _mixed_specs(
    best: _AttemptedSpec, attempted: Sequence[_AttemptedSpec]
) -> Iterator[ArtifactSpec]:
    """Yields the best spec with its most damaged layer in float, then with more, and so on."""
    last, row = best, FORMATS[best.spec.format]
    while len(last.spec.float_layers) < row.max_float_layers:
        wanted = max(1, (row.float_layers_growth - 1) * len(last.spec.float_layers))
        added = _damaged_layers(last.made)[:wanted]
        if not added:
            return
        layers = (*last.spec.float_layers, *added)
        yield replace(last.spec, precision="mixed", float_layers=layers)
        last = attempted[-1]


def _damaged_layers(made: ConvertedArtifact | QuinceError) -> list[str]:
    """Returns the layers that lose over MIN_LOST, the most damaged first."""
    if isinstance(made, QuinceError):
        return []
    damaged = [error.layer for error in made.record.layers if error.lost > MIN_LOST]
    return list(dict.fromkeys(damaged))


def _attempt(session: Session, spec: ArtifactSpec) -> _AttemptedSpec:
    """Makes one artifact. If the model cannot be equalized, the search goes on."""
    try:
        (made,) = convert_and_compare(session, [spec])
    except PoorModel:
        raise  # no precision makes a better model
    except (InputRefused, CheckFailed) as error:
        attempt = Attempt(attempt_name(spec), spec.file, "not possible", (str(error),))
        return _AttemptedSpec(spec, attempt, error)
    return _AttemptedSpec(spec, compared_attempt(made.record), made)


def _timed_attempts(session: Session, attempted: Sequence[_AttemptedSpec]) -> tuple[Attempt, ...]:
    """Returns the attempts, with the latency of every model file measured in turn."""
    files = {
        done.attempt.name: session.write(done.spec.file, done.made.content)
        for done in attempted
        if isinstance(done.made, ConvertedArtifact)
    }
    latencies = session.latencies(files)
    attempts = []
    for attempt in (done.attempt for done in attempted):
        latency = latencies.get(attempt.name)
        if latency:
            attempt = replace(attempt, ms=latency.p50_ms, threads=latency.threads)
        attempts.append(attempt)
    return tuple(attempts)


def _result_before(
    task: ExportTask, int8: ArtifactSpec, *, int8_only: bool
) -> AutoPrecisionResult | None:
    """Returns what an equal command gave before, if it is still in the bundle."""
    for result in task.made_before().values():
        attempts = result.record.ladder
        if result.record.made_by.spec.format != int8.format:
            continue
        if int8_only and result.artifact != int8.file:
            continue
        if attempts or (result.artifact == int8.file and int8.file in task.reusable([int8])):
            return AutoPrecisionResult(result, attempts)
    return None
