"""Assembles the page for labels, and its policy, from that of the live page."""

from importlib.resources import files

from runtime.monitor.live_page.page import assemble, policy

_FOLDER = files("runtime.monitor.label_page")
_LIVE = files("runtime.monitor.live_page")
_STYLE = "".join(
    (folder / name).read_text("utf-8")
    for folder, name in ((_LIVE, "page.css"), (_FOLDER, "label.css"))
)
_SCRIPT = (_FOLDER / "label.js").read_text("utf-8")
HTML = assemble((_FOLDER / "label.html").read_text("utf-8"), _STYLE, _SCRIPT)
CONTENT_SECURITY_POLICY = policy(_STYLE, _SCRIPT, images="'self'")
