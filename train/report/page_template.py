"""Loads the templates of pages, without Keras."""

from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from runtime.shared.wording import counted


def load_template(package: str, name: str) -> Template:
    """Returns the template of a page, which lies in `package` and escapes all values."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "percent": percent_text,
        "fraction": fraction_text,
        "counted": counted,
    }
    return environment.from_string((files(package) / name).read_text("utf-8"))


def percent_text(share: float | None) -> str:
    """Returns a fraction as "93.8 %", or None as a dash."""
    return "–" if share is None else f"{100 * share:.1f} %"


def fraction_text(share: float | None) -> str:
    """Returns a fraction as "0.938", or None as a dash."""
    return "–" if share is None else f"{share:.3f}"
