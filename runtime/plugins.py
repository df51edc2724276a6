"""Tables of things imported only when chosen: backends here, formats in `export`, backbones in `train`."""

import gc
import importlib
import importlib.util
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from runtime.errors import InputRefused, MachineError

Row = TypeVar("Row")


class Plugin(NamedTuple):
    """One row: where the thing is ("package.module:name") and the extra that installs what its module imports."""

    target: str
    extra: str

    @property
    def imported(self) -> bool:
        """Whether its module is there already, so that loading it takes nothing."""
        return self.target.split(":")[0] in sys.modules

    def load(self) -> Any:
        """The thing itself.

        Raises:
            MachineError: a package its module imports is not installed, or does not load.
            KeyboardInterrupt: also where the package made an ImportError of it.
        """
        module, name = self.target.split(":")
        try:
            return getattr(import_module(module), name)
        except (ImportError, OSError) as error:  # OSError: of ctypes, a library that cannot be loaded
            if _interrupted(error):
                raise KeyboardInterrupt from error
            package = (getattr(error, "name", None) or "").split(".")[0]
            if package in ("runtime", "train", "export", "benchmarks") or getattr(error, "errno", None) is not None:
                raise
            known_as = package.replace("_", "-")
            if isinstance(error, ModuleNotFoundError):
                reason = missing(known_as, self.extra)
            else:
                what = f"the package '{known_as}'" if known_as else f"a package of the extra '{self.extra}'"
                reason = f"{what} is installed but does not load here: {' '.join(str(error).split())}"
            raise MachineError(name, reason) from error


def import_module(name: str) -> ModuleType:
    """As importlib's, without collecting garbage meanwhile: imports make none, and looking for it is three hundredths of a start of the
    runtime."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        if collecting:
            gc.enable()


def _interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is what an import failed of: pybind11 hands it on as the cause of an ImportError, or in its text."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or "KeyboardInterrupt" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def missing(package: str, extra: str) -> str:
    """What to tell a user whose machine lacks a package."""
    return f"needs the package '{package}'. Install it with: pip install {package}, or from Quince's folder: pip install '.[{extra}]'"


def require(thing: str, extra: str, *packages: str) -> None:
    """Raises MachineError for the first of `packages` that is not installed, before long work is begun that ends for lack of it."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MachineError(thing, missing(package, extra))


def choose(table: Mapping[str, Row], name: str, kind: str) -> Row:
    """The row called `name`.

    Raises:
        InputRefused: there is none; the message lists what there is and the nearest name.
    """
    if name in table:
        return table[name]
    from difflib import get_close_matches  # only errors need it

    near = get_close_matches(name, table, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputRefused(name, f"no such {kind}; there are {', '.join(table)}{hint}")
