"""Names the type of numpy arrays of one dtype.

`numpy.typing.NDArray` is the same, but its module writes documentation when it is imported. That
takes 0.4 % of a start of `python -m runtime predict`.
"""

from typing import Any, TypeVar

import numpy as np

Scalar = TypeVar("Scalar", bound=np.generic, covariant=True)
NDArray = np.ndarray[Any, np.dtype[Scalar]]
