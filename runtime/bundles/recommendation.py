"""Reads recommended.json, which `python -m benchmarks recommend` writes into a bundle.

It names the model file and settings that were best on this machine.
"""

from dataclasses import dataclass
from pathlib import Path

from runtime.bundles.bundle import RECOMMENDED, Bundle
from runtime.errors import InputRefused, naming
from runtime.system.cpu_model import read_cpu_model
from runtime.system.json_records import (
    Name,
    Sha256,
    expect_names,
    expect_sha256,
    from_json_object,
    parse_json,
    read_text,
)

SCHEMA = 1


@dataclass(frozen=True)
class Recommendation:
    """Names the best artifact and settings of a bundle on machines with one processor.

    sha256: of the artifact, so that another export is not mistaken for it.
    """

    artifact: Name
    sha256: Sha256
    threads: int
    cpu_model: Name
    interpreter: Name
    p90_ms: float
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        expect_names(self, "artifact", "cpu_model", "interpreter")
        expect_sha256(self, "sha256")
        if type(self.schema) is not int or self.schema != SCHEMA:
            raise InputRefused(
                "recommended",
                f"expected schema {SCHEMA}, found {str(self.schema)[:50]};"
                " it is from another version of Quince",
            )
        if type(self.threads) is not int or not 1 <= self.threads <= 1024:
            raise InputRefused(
                "recommended", f"expected threads from 1 to 1024, found {str(self.threads)[:50]}"
            )
        if type(self.p90_ms) not in (int, float) or not 0 < self.p90_ms < 1e9:
            raise InputRefused(
                "recommended", f"expected p90_ms to be a time, found {str(self.p90_ms)[:50]}"
            )


def read_recommendation(bundle: Bundle, root: Path = Path("/")) -> Recommendation | None:
    """Returns the recommendation for this bundle on this machine's processor; None without one.

    Raises:
        InputRefused: the file is not valid.
    """
    path = bundle.path / RECOMMENDED
    if not path.exists():
        return None
    text = read_text(path, "")
    with naming(path, "not a usable recommendation: {}; remove it, or run recommend again"):
        recommendation = from_json_object(Recommendation, parse_json(text))
    sha256s = {artifact.file: artifact.sha256 for artifact in bundle.manifest.artifacts}
    if recommendation.cpu_model != read_cpu_model(root):
        return None
    if sha256s.get(recommendation.artifact) != recommendation.sha256:
        return None
    return recommendation
