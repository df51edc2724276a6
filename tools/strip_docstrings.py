"""Removes docstrings below a folder, except those of the public names, where help() shows them.

`make dist` runs it on what goes to a device: they are a quarter of that wheel. Empty lines take
their place, so that a traceback still names the lines of the checkout.
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from runtime import _MODULES as PUBLIC  # noqa: E402


def without_docstrings(source: str) -> str:
    """Returns the module without texts that only a reader of its source sees.

    A space stays in classes, because Python writes a docstring for a dataclass without one at each
    start, and where nothing else is in the body.
    """
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        for part in body if isinstance(body, list) else ():
            if isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant):
                end = part.end_lineno or part.lineno
                lines[part.lineno - 1 : end] = ["\n"] * (end - part.lineno + 1)
                if part is body[0] and (isinstance(node, ast.ClassDef) or len(body) == 1):
                    lines[part.lineno - 1] = f"{' ' * part.col_offset}' '\n"
    return "".join(lines)


def main(folder: Path) -> None:
    """Rewrites each module below `folder`."""
    kept = {"runtime.errors", *PUBLIC.values()}
    for file in folder.rglob("*.py"):
        if ".".join(file.relative_to(folder).with_suffix("").parts) not in kept:
            file.write_text(without_docstrings(file.read_text()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
