"""Training on several devices of one machine, which are here two halves of the processor."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TRAIN = """
import json, sys
from contextlib import nullcontext
from pathlib import Path
from runtime.quiet import prepare_tensorflow, quiet
prepare_tensorflow()
import keras, numpy as np, tensorflow as tf
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from runtime.preprocess import Preprocessing
from train.backbones import BACKBONES
from train.cache import PixelCache
from train.cards import mirrored
from train.data import scan
from train.engine import ALONE
from train.fit import predict
from train.learn import learn
from train.options import TrainOptions
from train.split import Fractions
from train.unfinished import Unfinished
data, folder = map(Path, sys.argv[1:])
cache = PixelCache(folder, Preprocessing(32, 32))
found = scan(data, cache, Fractions(), 7)
options = TrainOptions(input_size=32, head_epochs=2, epochs=3, batch=16, views=1, head_rate=1e-2, rate=1e-3, dropout=0.0)
with quiet():
    engine = {"alone": lambda: ALONE, "cards": lambda: mirrored(["CPU:0", "CPU:1"])}
results = {}
for name, choose in engine.items():
    said = []
    partial = Unfinished(folder / f"{name}.partial", {"options": {}})
    learned = learn(BACKBONES[options.backbone], found, cache, options, folder / f"{name}-features", partial, said.append, choose())
    learned.model.save(folder / f"{name}.keras")
    features = sorted((folder / f"{name}-features").rglob("*.npy"), key=lambda file: np.load(file).shape)
    results[name] = {
        "losses": [epoch.val_loss for epoch in said],
        "train": [epoch.loss for epoch in said],
        "features": [np.load(file).astype(float).mean((0, -1)).ravel().tolist()[:4] for file in features],
        "counts": [len(np.load(file)) for file in features],
    }
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def results(cells: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[float]]]:
    """The same training on one device and on two."""
    folder = tmp_path_factory.mktemp("cards")
    done = subprocess.run([sys.executable, "-c", TRAIN, cells, folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def test_two_devices_learn_what_one_does(results) -> None:
    """Every step and each validation goes over the same pictures: what differs is the order in which numbers are added."""
    alone, cards = results["alone"], results["cards"]
    assert len(alone["losses"]) == 5
    assert cards["losses"] == pytest.approx(alone["losses"], rel=0.05, abs=0.01)
    assert cards["train"] == pytest.approx(alone["train"], rel=0.05, abs=0.01)
    assert alone["losses"][-1] < alone["losses"][0] / 2, "there was something to learn"


def test_features_computed_on_two_devices_are_those_of_one(results) -> None:
    alone, cards = results["alone"], results["cards"]
    assert cards["counts"] == alone["counts"]
    for one, other in zip(alone["features"], cards["features"], strict=True):
        assert other == pytest.approx(one, rel=1e-2, abs=1e-3)


def test_without_cards_it_says_so_and_trains(run_cli, cells: Path, small_training: tuple[str, ...], trained: Path) -> None:
    """`trained` was made by the same command without the option: it is the same run, and found to be so."""
    done = run_cli("train", cells, "-o", trained, *small_training, "--distribute")
    assert done.returncode == 0, done.stderr
    assert "--distribute: TensorFlow sees no graphics card here: trains as without it" in done.stderr
    assert "already there, made by this command" in done.stdout
