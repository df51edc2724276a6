"""Defines which options a study tunes, and between which bounds or among which values.

An option that the user sets is not tuned.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from train.configuration.resolved_options import ResolvedOptions

TUNABLE = ("head_rate", "rate", "momentum", "dropout", "hidden", "thaw")
Value = float | str
RATE_FACTOR = 10.0
"""Rates are searched from the recipe's rate divided by this factor to the rate times it."""
MIN_MOMENTUM, MAX_MOMENTUM, MOMENTUM_STEP = 0.5, 0.95, 0.05
MAX_DROPOUT, DROPOUT_STEP = 0.7, 0.05
RATE_DIGITS = 3
"""Significant digits of a rate; more would only make the printed command longer."""


@dataclass(frozen=True)
class Dimension:
    """Describes one tuned option, from `low` to `high`, both included.

    default: the value of a training without tuning.
    step: the values are `low` plus multiples of it; None: drawn from the logarithm, uniformly.
    """

    name: str
    low: float
    high: float
    default: float
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Tells whether its values are whole numbers."""
        return isinstance(self.low, int)

    def value(self, drawn: Value) -> Value:
        """Returns the value to train with for a drawn number, short enough for a command line."""
        if self.whole:
            return int(drawn)
        return float(f"{drawn:.{RATE_DIGITS}g}")


@dataclass(frozen=True)
class Choice:
    """Describes one tuned option that has one of some `values`, the default first."""

    name: str
    values: tuple[int | str, ...]

    @property
    def default(self) -> Value:
        """Returns the value of a training without tuning."""
        return self.values[0]

    def value(self, drawn: Value) -> Value:
        """Returns the drawn value itself."""
        return drawn


TunedOption = Dimension | Choice


def search_space(
    settings: ResolvedOptions,
    tuned: Collection[str],
    blocks: int,
    choices: Mapping[str, tuple[int | str, ...]] = MappingProxyType({}),
) -> tuple[TunedOption, ...]:
    """Returns the options in `tuned` that have an effect with these settings, and the `choices`.

    `blocks` is the number of blocks of the backbone.
    """
    from_scratch = not settings.pretrained
    has_effect = {
        "head_rate": from_scratch or (settings.head_epochs > 0 and not settings.solve_head),
        "rate": not from_scratch and settings.epochs > 0,
        "momentum": not settings.solve_head or settings.epochs > 0,
        "dropout": True,
        "hidden": settings.hidden is not None,
        "thaw": not from_scratch and settings.epochs > 0 and settings.thaw != "all",
    }
    dimensions = {
        "head_rate": _rate_dimension("head_rate", settings.head_rate),
        "rate": _rate_dimension("rate", settings.rate),
        "momentum": Dimension(
            "momentum", MIN_MOMENTUM, MAX_MOMENTUM, settings.momentum, MOMENTUM_STEP
        ),
        "dropout": Dimension("dropout", 0.0, MAX_DROPOUT, settings.dropout, DROPOUT_STEP),
        "hidden": _hidden_dimension(settings.hidden or 1),
        "thaw": _thaw_dimension(settings, blocks),
    }
    tuned_dimensions = [dimensions[name] for name in TUNABLE if name in tuned and has_effect[name]]
    return (*tuned_dimensions, *(Choice(name, values) for name, values in choices.items()))


def _rate_dimension(name: str, default: float) -> Dimension:
    return Dimension(name, default / RATE_FACTOR, default * RATE_FACTOR, default)


def _hidden_dimension(default: int) -> Dimension:
    """Returns eight numbers of units, from a quarter of the default to twice as many."""
    step = max(1, default // 4)
    return Dimension("hidden", max(1, default - 3 * step), default + 4 * step, default, step)


def _thaw_dimension(settings: ResolvedOptions, blocks: int) -> Dimension:
    """Returns at most five numbers of blocks, as each needs features of its own."""
    default = settings.thaw if settings.thaw != "all" else 1
    step = max(1, default // 2)
    low = default - step if default > step else default
    steps = max(0, min(4, (blocks - low) // step))
    return Dimension("thaw", low, low + steps * step, default, step)
