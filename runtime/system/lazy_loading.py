"""Imports the objects of tables when they are chosen: backends, formats, backbones."""

import gc
import importlib
import importlib.util
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

from runtime.errors import InputRefused, MachineError

Row = TypeVar("Row")

NOT_MAPPED = ("failed to map segment", "Cannot allocate memory", "cannot allocate memory")
"""How the loader reports no room for a library (ulimit -v); Python makes an ImportError of it."""
OWN_PACKAGES = ("runtime", "workstation", "train", "export", "benchmarks")
DISTRIBUTIONS = {"paho": "paho-mqtt", "PIL": "pillow"}
"""What pip calls a package that Python imports under another name."""


class LazyObject(NamedTuple):
    """Names an object as "package.module:name", and the extra that installs what it imports."""

    target: str
    extra: str

    @property
    def imported(self) -> bool:
        """Whether its module is imported already."""
        return self.target.split(":")[0] in sys.modules

    def load(self) -> Any:
        """Imports the module and returns the object.

        Raises:
            MachineError: as `requires_extra`.
            KeyboardInterrupt: as `requires_extra`.
        """
        module, name = self.target.split(":")
        with requires_extra(self.extra, self.extra or name):
            return getattr(import_module(module), name)


@contextmanager
def requires_extra(extra: str, thing: str = "") -> Generator[None, None, None]:
    """Turns a failed import in its block into one line that names the package and the extra.

    Args:
        extra: of pyproject.toml, which installs what the block imports.
        thing: what an error names; empty: the extra.

    Raises:
        MachineError: a package is not installed, or does not load.
        KeyboardInterrupt: also where the package made an ImportError of it.
    """
    try:
        yield
    except (ImportError, OSError) as error:  # ctypes raises OSError for a library
        if _is_interrupt(error):
            raise KeyboardInterrupt from error
        package = (getattr(error, "name", None) or "").split(".")[0]
        if package in OWN_PACKAGES or getattr(error, "errno", None) is not None:
            raise
        if any(words in str(error) for words in NOT_MAPPED):
            raise MachineError(
                "memory",
                f"too little is left to load a library for {thing or extra}; raise the limit",
            ) from error
        # A private module such as scipy's _fblas names no package.
        distribution = "" if package.startswith("_") else package.replace("_", "-")
        distribution = DISTRIBUTIONS.get(package, distribution)
        if isinstance(error, ModuleNotFoundError):
            reason = install_hint(distribution, extra)
        else:
            name = f"the package '{distribution}'"
            if not distribution:
                name = f"a package of the extra '{extra}'"
            reason = f"{name} is installed but does not load here: {' '.join(str(error).split())}"
        raise MachineError(thing or extra, reason) from error


def import_module(name: str) -> ModuleType:
    """Imports a module as importlib does, and keeps the garbage collector away from it.

    Imports leave no garbage. To look for it while `python -m runtime predict` starts takes 15 ms of
    240, so collections are off meanwhile, and later ones skip what was imported (`gc.freeze`).
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def install_hint(package: str, extra: str) -> str:
    """Returns the advice for a user whose machine lacks a package."""
    return (
        f"needs the package '{package}'. Install it with: pip install {package},"
        f" or from Quince's folder: pip install '.[{extra}]'"
    )


def require_packages(thing: str, extra: str, *packages: str) -> None:
    """Checks that packages are installed, before long work starts that would fail without them.

    Raises:
        MachineError: one is not installed.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MachineError(thing, install_hint(package, extra))


def lookup(table: Mapping[str, Row], name: str, kind: str) -> Row:
    """Returns the row called `name`.

    Raises:
        InputRefused: there is none; the message lists all names and suggests the nearest.
    """
    if name in table:
        return table[name]
    from difflib import get_close_matches  # 2 ms, needed for an error only

    nearest = get_close_matches(name, table, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    raise InputRefused(name, f"no such {kind}; there are {', '.join(table)}{hint}")


def _is_interrupt(error: BaseException | None) -> bool:
    """Returns whether Ctrl-C made an import fail.

    pybind11 passes it on as the cause of an ImportError, or only in the text of one.
    """
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or "KeyboardInterrupt" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
