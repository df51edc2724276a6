"""`--precision auto`: the first precision, from the smallest and fastest to the most exact, that passes the gate."""

from collections.abc import Iterator
from pathlib import Path

from export.kind import Kind
from export.run import ExportOptions, ExportResult, export

RUNGS = ("int8", "int16x8", "dynamic", "fp16", "fp32")


def climb(run: Path, bundle: Path, options: ExportOptions, *, data: Path | None, overwrite: bool) -> Iterator[ExportResult]:
    """The result of each rung that was tried; the last is the one that passed, if any did.

    Raises:
        what `export.run.export` raises.
    """
    for precision in RUNGS:
        (result,) = export(run, bundle, [Kind("tflite", precision)], options, data=data, overwrite=overwrite)
        yield result
        if not result.refused:
            return
