"""States how to feed and read the model file of a bundle that Quince did not make.

It has a module of its own because few bundles need it: a start of the others does without.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from runtime.errors import InputRefused
from runtime.file_formats.tensors import Layout
from runtime.images.preprocessing import Preprocessing
from runtime.models.model_spec import Channels, ModelSpec, Scores
from runtime.models.normalization import Normalization
from runtime.system.json_records import expect_list, from_json_object


@dataclass(frozen=True)
class AdoptedSpec:
    """States how to feed and read a model file that Quince did not make.

    The manifest of a bundle holds it, because nothing inside such a file may.

    mean, std: of the normalization, in the order of the channels; empty: the input takes pixels as
        they are.
    output: the name of the output with the scores, of a model with several.
    """

    layout: Layout
    channels: Channels
    scores: Scores
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    output: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("layout", Layout), ("channels", Channels), ("scores", Scores)):
            if getattr(self, name) not in get_args(allowed):
                found = str(getattr(self, name))[:50]
                expected = " or ".join(get_args(allowed))
                raise InputRefused("adopted", f"expected {name} {expected}, found {found!r}")
        for number in (*self.mean, *self.std):
            if isinstance(number, bool) or not isinstance(number, int | float):
                found = str(number)[:50]
                raise InputRefused("adopted", f"expected numbers as mean and std, found {found!r}")
        if not isinstance(self.output, str | None):
            raise InputRefused("adopted", "expected output to be a name")
        _ = self._normalization

    @property
    def _normalization(self) -> Normalization | None:
        return Normalization(self.mean, self.std) if self.mean or self.std else None

    @classmethod
    def from_json(cls, data: Any) -> "AdoptedSpec":
        """Reads it from JSON; raises InputRefused for anything else."""
        if isinstance(data, Mapping):
            lists = {
                name: expect_list(name, data[name]) for name in ("mean", "std") if name in data
            }
            data = {**data, **{name: tuple(values) for name, values in lists.items()}}
        return from_json_object(cls, data)

    def model_spec(self, labels: tuple[str, ...], preprocessing: Preprocessing) -> ModelSpec:
        """Returns the spec with which `open_external` opens the file."""
        return ModelSpec(
            labels,
            "manifest.json",
            self._normalization,
            preprocessing.fit,
            (preprocessing.height, preprocessing.width),
            self.layout,
            self.channels,
            self.scores,
            self.output,
        )
