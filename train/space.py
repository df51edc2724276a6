"""What is tuned: the options a study may choose, and from where to where. What the user gives stays as given."""

from collections.abc import Collection
from dataclasses import dataclass

from train.options import TrainOptions
from train.settings import Settings

TUNABLE = ("head_rate", "rate", "dropout", "thaw", "augment")
FACTOR = 10.0
"""Rates are looked for within this factor of the recipe's, up and down."""
DROPOUT, DROPOUT_STEP = 0.7, 0.05
AUGMENT, AUGMENT_STEP = 2.0, 0.5
"""Few strengths, because the features of all views are computed anew for each and kept."""
DIGITS = 3
"""Significant digits of a rate: more would make no difference, and a longer command."""


@dataclass(frozen=True)
class Dimension:
    """One option: its lowest and highest value, both allowed, and what a training without tuning would take.

    step: it is the lowest and so many steps; None: it is drawn evenly from its logarithm.
    """

    name: str
    low: float
    high: float
    default: float
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.low, int)

    def value(self, drawn: float) -> float:
        """What is trained with where `drawn` was drawn: what the printed command can say exactly."""
        if self.whole:
            return int(drawn)
        return float(f"{drawn:.{DIGITS}g}")


def space(options: TrainOptions, settings: Settings, tuned: Collection[str], blocks: int) -> tuple[Dimension, ...]:
    """The dimensions of those of TUNABLE that are in `tuned` and mean something for these settings; the backbone has so many blocks."""
    from_scratch = not settings.pretrained
    used = {
        "head_rate": from_scratch or settings.head_epochs > 0,
        "rate": not from_scratch and settings.epochs > 0,
        "thaw": not from_scratch and settings.epochs > 0 and settings.thaw != "all",
    }
    dimensions = {
        "head_rate": _around("head_rate", settings.head_rate),
        "rate": _around("rate", settings.rate),
        "dropout": Dimension("dropout", 0.0, DROPOUT, settings.dropout, DROPOUT_STEP),
        "thaw": _thaw(settings, blocks),
        "augment": Dimension("augment", 0.0, AUGMENT, options.augment, AUGMENT_STEP),
    }
    return tuple(dimensions[name] for name in TUNABLE if name in tuned and used.get(name, True))


def _around(name: str, default: float) -> Dimension:
    return Dimension(name, default / FACTOR, default * FACTOR, default)


def _thaw(settings: Settings, blocks: int) -> Dimension:
    """At most five numbers of blocks, the default among them: each has features of its own to be computed."""
    default = settings.thaw if settings.thaw != "all" else 1
    step = max(1, default // 2)
    low = default - step if default > step else default
    steps = max(0, min(4, (blocks - low) // step))
    return Dimension("thaw", low, low + steps * step, default, step)
