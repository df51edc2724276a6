"""recommended.json in a bundle: what python -m benchmarks recommend found best on this machine."""

from dataclasses import dataclass
from pathlib import Path

from runtime.bundle import RECOMMENDED, Bundle
from runtime.cpu_model import read_cpu_model
from runtime.errors import InputRefused
from runtime.records import build, expect_text, parse_json, read_text

SCHEMA = 1


@dataclass(frozen=True)
class Recommended:
    """What to use of a bundle on machines with this processor. sha256: of the artifact, so that another export is not mistaken for it."""

    artifact: str
    sha256: str
    threads: int
    cpu_model: str
    interpreter: str
    p90_ms: float
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        expect_text(self, "artifact", "sha256", "cpu_model", "interpreter")
        if type(self.schema) is not int or self.schema != SCHEMA:
            raise InputRefused("recommended", f"expected schema {SCHEMA}, found {self.schema!r}; it is from another version of Quince")
        if type(self.threads) is not int or not 1 <= self.threads <= 1024:
            raise InputRefused("recommended", f"expected threads from 1 to 1024, found {self.threads!r}")
        if type(self.p90_ms) not in (int, float) or not 0 < self.p90_ms < 1e9:
            raise InputRefused("recommended", f"expected p90_ms to be a time, found {self.p90_ms!r}")


def read_recommended(bundle: Bundle, root: Path = Path("/")) -> Recommended | None:
    """What was recommended for this bundle on a processor as this machine has; None where nothing was, or for another one.

    Raises:
        InputRefused: the file does not hold up.
    """
    path = bundle.path / RECOMMENDED
    if not path.exists():
        return None
    try:
        found = build(Recommended, parse_json(read_text(path, "")))
    except InputRefused as refusal:
        raise InputRefused(str(path), f"not a usable recommendation: {refusal.reason}; remove it, or run recommend again") from refusal
    known = {artifact.file: artifact.sha256 for artifact in bundle.manifest.artifacts}
    fits = found.cpu_model == read_cpu_model(root) and known.get(found.artifact) == found.sha256
    return found if fits else None
