"""Training as trials and runs share it."""

from pathlib import Path

import pytest

from runtime.preprocess import Preprocessing
from train.backbones import BACKBONES
from train.cache import PixelCache
from train.data import scan
from train.learn import Learned, learn
from train.options import TrainOptions
from train.split import Fractions
from train.unfinished import Unfinished

OPTIONS = TrainOptions(backbone="simple-cnn", head_epochs=1, epochs=1, batch=16, views=1)


def test_test_pictures_are_not_read_and_a_second_training_in_one_process_is_the_same(cells: Path, tmp_path: Path) -> None:
    cache = PixelCache(tmp_path / "cache", Preprocessing(32, 32))
    data = scan(cells, cache, Fractions(), 7)
    gone = {picture.sha256 for picture in data.split("test")}
    for path in (tmp_path / "cache").rglob("*"):
        if path.name in gone:
            path.unlink()

    def once() -> Learned:
        partial = Unfinished(tmp_path / "partial", {})
        learned = learn(BACKBONES["simple-cnn"], data, cache, OPTIONS, tmp_path / "features", partial, lambda _: None)
        partial.remove()
        return learned

    first = once()
    features = sorted(path.name for path in (tmp_path / "features").iterdir())
    assert [epoch.val_loss for epoch in once().history] == [epoch.val_loss for epoch in first.history]
    assert sorted(path.name for path in (tmp_path / "features").iterdir()) == features, "they are found again"
    with pytest.raises(Exception, match="gone from the cache"):
        cache.read(sorted(gone))
