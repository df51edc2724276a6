"""States how to feed and read the model file of a bundle that Quince did not make.

It has a module of its own because few bundles need it: a start of the others does without.
"""

from dataclasses import dataclass

from runtime.file_formats.tensors import ChannelOrder, Layout, ScoreKind
from runtime.images.preprocessing import Preprocessing
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import Normalization


@dataclass(frozen=True)
class AdoptedSpec:
    """States how to feed and read a model file that Quince did not make.

    The manifest of a bundle holds it, because nothing inside such a file may.

    mean, std: of the normalization, in the order of the channels; empty: the input takes pixels as
        they are.
    output: the name of the output with the scores, of a model with several.
    """

    layout: Layout
    channel_order: ChannelOrder
    scores: ScoreKind
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    output: str | None = None

    def __post_init__(self) -> None:
        _ = self._normalization  # which refuses other numbers

    @property
    def _normalization(self) -> Normalization | None:
        return Normalization(self.mean, self.std) if self.mean or self.std else None

    def model_spec(self, labels: tuple[str, ...], preprocessing: Preprocessing) -> ModelSpec:
        """Returns the spec with which `open_external` opens the file."""
        return ModelSpec(
            labels,
            "manifest.json",
            self._normalization,
            preprocessing.fit,
            (preprocessing.height, preprocessing.width),
            self.layout,
            self.channel_order,
            self.scores,
            self.output,
        )
