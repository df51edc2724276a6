"""Gives the public names of `runtime` under the name of the project.

Numpy and the interpreter are loaded when a name is first used.
"""

from typing import TYPE_CHECKING, Any

from runtime import __all__

if TYPE_CHECKING:
    from runtime import *  # noqa: F403


def __getattr__(name: str) -> Any:
    """Returns a public name; numpy is imported only then (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import runtime

    return getattr(runtime, name)


if __name__ == "__main__":  # python -m quince
    from runtime.cli.console_script import main

    main()
