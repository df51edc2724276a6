"""Tables of things imported only when chosen: backends here, formats in `export`, backbones in `train`."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from runtime.errors import InputRefused, MachineError

Row = TypeVar("Row")


@dataclass(frozen=True)
class Plugin:
    """One row: where the thing is ("package.module:name") and the extra that installs what its module imports."""

    target: str
    extra: str

    def load(self) -> Any:
        """The thing itself.

        Raises:
            MachineError: a package its module imports is not installed, or does not load.
        """
        module, name = self.target.split(":")
        try:
            return getattr(importlib.import_module(module), name)
        except ImportError as error:
            package = (error.name or "").split(".")[0]
            if package in ("runtime", "train", "export", "benchmarks"):
                raise
            known_as = package.replace("_", "-")
            if isinstance(error, ModuleNotFoundError):
                reason = f"needs the package '{known_as}'. Install it with: pip install 'quince-edge[{self.extra}]'"
            else:
                reason = f"the package '{known_as}' is installed but does not load here: {error}"
            raise MachineError(name, reason) from error


def choose(table: Mapping[str, Row], name: str, kind: str) -> Row:
    """The row called `name`.

    Raises:
        InputRefused: there is none; the message lists what there is and the nearest name.
    """
    if name in table:
        return table[name]
    near = get_close_matches(name, table, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputRefused(name, f"no such {kind}; there are {', '.join(table)}{hint}")
