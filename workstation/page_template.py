"""Loads the templates of pages and cards, without Keras."""

from collections.abc import Callable

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from runtime.shared.wording import counted


def load_template(package: str, name: str, **filters: Callable[..., str]) -> Template:
    """Returns a template of `package`; all but those of Markdown escape their values for HTML."""
    is_markdown = name.endswith(".md.j2")
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=not is_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=is_markdown,
    )
    environment.filters |= {
        "percent": percent_text,
        "fraction": fraction_text,
        "counted": counted,
        **filters,
    }
    return environment.get_template(name)


def percent_text(share: float | None) -> str:
    """Returns a fraction as "93.8 %", or None as a dash."""
    return "–" if share is None else f"{100 * share:.1f} %"


def fraction_text(share: float | None) -> str:
    """Returns a fraction as "0.938", or None as a dash."""
    return "–" if share is None else f"{share:.3f}"
