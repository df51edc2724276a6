"""Tests that a row of a table is imported when chosen, and that a failed import is one sentence."""

import sys
from pathlib import Path

import pytest

from runtime.errors import InputRefused, MachineError
from runtime.system.lazy_loading import LazyObject, lookup


def test_load_returns_the_named_object() -> None:
    from runtime.deployment.verification import verify

    assert LazyObject("runtime.deployment.verification:verify", extra="x").load() is verify


def test_missing_package_names_it_and_the_pip_command() -> None:
    with pytest.raises(MachineError) as error:
        LazyObject("not_here_at_all.part:Thing", extra="tflite").load()
    how = (
        "Install it with: pip install not-here-at-all,"
        " or from Quince's folder: pip install '.[tflite]'"
    )
    assert str(error.value) == f"tflite: needs the package 'not-here-at-all'. {how}"


def test_missing_package_has_the_name_that_pip_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("paho", "paho.mqtt.client"):  # another test may have imported it
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MachineError, match=r"^mqtt: .* pip install paho-mqtt, .*'\.\[mqtt\]'"):
        LazyObject("paho.mqtt.client:Client", extra="mqtt").load()


def test_missing_module_of_our_own_is_a_bug_and_shows_itself() -> None:
    with pytest.raises(ModuleNotFoundError):
        LazyObject("runtime.backends.nothing:Thing", extra="x").load()


def test_package_whose_library_does_not_load_is_the_machines_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_wheel.so").write_bytes(b"not a library")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        MachineError,
        match=r"'broken-wheel' is installed but does not load here: .*file too short|invalid ELF",
    ):
        LazyObject("broken_wheel:Thing", extra="x").load()
    assert "broken_wheel" not in sys.modules


def test_shared_library_that_does_not_load_is_the_machines_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiteRT loads its own through ctypes, which raises OSError."""
    (tmp_path / "libbroken.so").write_bytes(b"not a library")
    (tmp_path / "broken_library.py").write_text(
        f"import ctypes\nctypes.CDLL({str(tmp_path / 'libbroken.so')!r})\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        MachineError,
        match=r"a package of the extra 'x' is installed but does not load here: .*libbroken\.so",
    ):
        LazyObject("broken_library:Thing", extra="x").load()


def test_lookup_lists_the_rows_and_suggests_the_nearest() -> None:
    table = {"tflite": 1, "onnx": 2}
    assert lookup(table, "onnx", "format") == 2
    with pytest.raises(InputRefused) as error:
        lookup(table, "tflit", "format")
    assert (
        str(error.value) == "tflit: no such format; there are tflite, onnx; did you mean 'tflite'?"
    )
    with pytest.raises(InputRefused, match=r"there are tflite, onnx$"):
        lookup(table, "zzz", "format")


@pytest.mark.parametrize(
    "code",
    [
        "raise KeyboardInterrupt",
        "try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt as error:\n"
        "    raise ImportError('initialization failed') from error",
        "try:\n    raise ImportError('KeyboardInterrupt: <EMPTY MESSAGE>')\n"
        "except ImportError:\n    import not_here_at_all",
    ],
    ids=["plain", "cause", "text"],
)
def test_interrupted_import_is_an_interrupt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """pybind11 turns a Ctrl-C during the import of one of its modules into an ImportError."""
    (tmp_path / "interrupted_package.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        LazyObject("interrupted_package:Thing", extra="x").load()
