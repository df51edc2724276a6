"""Writes docs/reference: commands from --help, Python from docstrings, JSON Schemas from types.

Run it with `make reference` after a change of an option or of a public docstring. A test compares.
"""

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from json_schemas import golden_schema, manifest_schema, outputs_schema, recommended_schema

from runtime.commands.table import VERBS as RUN_VERBS
from train.commands.table import VERBS as TRAIN_VERBS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
COMMANDS = {
    "train": ("", *TRAIN_VERBS),
    "export": ("tflite", "onnx", "all", "judge", "adopt", "push", "pull", "sign"),
    "run": tuple(RUN_VERBS),
    "bench": ("latency", "compare", "accuracy", "report", "recommend", "soak", "claims", "peers"),
}
MAIN = """
import sys
from runtime.cli.console_script import main
for line in sys.stdin:
    sys.argv = ["quince", *line.split(), "--help"]
    try:
        main()
    except SystemExit as leaving:
        if leaving.code:
            raise
    print("\\f", end="")
"""
"""Prints the help of the command on each line, and a form feed after it."""
MAX_COLUMNS = 88
SECTIONS = ("Args:", "Raises:", "Returns:")
ITEM = re.compile(r"(\w+(?:, \w+)*): ")
WRITTEN = "Written by `make reference`; do not edit.\n"


def help_texts(commands: list[str]) -> list[str]:
    """Returns what `quince COMMAND --help` prints for each, 88 columns wide."""
    home = {"HOME": "~", "XDG_CACHE_HOME": ""}  # a default must not name this machine's folders
    environment = {**os.environ, **home, "COLUMNS": "90", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", MAIN],
        input="".join(f"{command}\n" for command in commands),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=environment,
    )
    return [text.rstrip() for text in done.stdout.split("\f")[:-1]]


def commands_page() -> str:
    """Returns the page of all commands."""
    commands = [
        f"{program} {verb}".strip() for program, verbs in COMMANDS.items() for verb in verbs
    ]
    first, *texts = help_texts(["", *commands])
    parts = [
        "# Commands\n\nAfter reading this page you know every command and option.\n" + WRITTEN,
        f"```\n$ quince --help\n{first}\n```\n",
    ]
    for command, text in zip(commands, texts, strict=True):
        parts.append(f"## quince {command}\n\n```\n{text}\n```\n")
    return "\n".join(parts)


def python_page() -> str:
    """Returns the page of the public Python names."""
    import runtime
    from runtime import errors

    parts = [
        "# Python\n\nAfter reading this page you can use Quince from Python: "
        "`from quince import Classifier`.\n" + WRITTEN
    ]
    for name in runtime.__all__:
        parts += described(name, getattr(runtime, name))
    parts.append("## Errors\n\nThey are in `runtime.errors`.\n")
    for name, item in vars(errors).items():
        if inspect.isclass(item) and issubclass(item, errors.QuinceError):
            parts += [f"### {name}\n", markdown(inspect.getdoc(item) or "")]
    return "\n".join(parts)


def described(name: str, item: Any, level: int = 2) -> list[str]:
    """Returns a heading with the signature, the docstring, and the public methods of a class."""
    parts = [f"{'#' * level} {name}\n"]
    if not isinstance(item, property):
        parts.append(f"```python\n{signature(name, item)}\n```\n")
    parts.append(markdown(inspect.getdoc(item) or ""))
    if inspect.isclass(item):
        for part, value in vars(item).items():
            if not part.startswith("_") and isinstance(value, property | classmethod | type(main)):
                public = value if isinstance(value, property) else getattr(item, part)
                parts += described(f"{name}.{part}", public, 3)
    return parts


def signature(name: str, item: Any) -> str:
    """Returns the call of a function or class, with types without their modules."""
    found = inspect.signature(item)
    words = [str(parameter) for key, parameter in found.parameters.items() if key != "self"]
    only_by_name = [key.kind is key.KEYWORD_ONLY for key in found.parameters.values()]
    if any(only_by_name):
        words.insert(len(words) - sum(only_by_name), "*")
    returns = ""
    if not inspect.isclass(item):
        returns = f" -> {inspect.formatannotation(found.return_annotation)}"
    words, returns = [short_types(word) for word in words], short_types(returns)
    line = f"{name}({', '.join(words)}){returns}"
    if len(line) <= MAX_COLUMNS:
        return line
    return f"{name}(\n" + "".join(f"    {word},\n" for word in words) + f"){returns}"


def short_types(text: str) -> str:
    """Returns the text without modules, the shapes of arrays and the quotes of later types."""
    text = re.sub(r"ndarray\[.*?dtype\[([\w.]+)\]\]", r"ndarray[\1]", text)
    text = re.sub(r"(->|:) '(\w[^']*)'", r"\1 \2", text)
    return re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Za-z])", "", text)


def markdown(docstring: str) -> str:
    """Returns a docstring as Markdown: `name: text` is an item, `Raises:` a label."""
    lines, indent = [], 0
    for line in docstring.splitlines():
        text, depth = line.lstrip(), len(line) - len(line.lstrip())
        item = ITEM.match(text)
        if text in SECTIONS:
            lines.append(f"*{text}*\n")
            indent = 4
        elif item and depth == indent:
            names = ", ".join(f"`{word}`" for word in item[1].split(", "))
            lines.append(f"- {names}: {text[item.end() :]}")
        elif depth:
            lines.append(f"  {text}")
        else:
            lines.append(text)
            indent = 0
    return "\n".join(lines) + "\n"


PAGES = {
    "commands.md": commands_page,
    "python.md": python_page,
    "manifest.schema.json": manifest_schema,
    "golden.schema.json": golden_schema,
    "recommended.schema.json": recommended_schema,
    "outputs.schema.json": outputs_schema,
}


def main() -> None:
    """Writes all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())


if __name__ == "__main__":
    main()
