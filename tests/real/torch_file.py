"""Reads the tensors of a PyTorch weight file without PyTorch, and without running what it holds."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

__all__ = ["read_torch_file"]

#: The pickle that a file of `torch.save` as it was before PyTorch 1.6 begins with.
_MAGIC = 0x1950A86A20F9469CFC6C

_DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}


@dataclass(frozen=True, slots=True)
class _StorageType:
    dtype: str


@dataclass(frozen=True, slots=True)
class _Storage:
    key: str
    dtype: str
    elements: int


@dataclass(frozen=True, slots=True)
class _Tensor:
    """What a file says of a tensor; the arguments of `torch._utils._rebuild_tensor_v2`."""

    storage: Any
    offset: Any
    shape: Any
    strides: Any
    requires_grad: Any = False
    hooks: Any = None

    def array(self, storages: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """The numbers, in C order; `ValueError` for a view that leaves its storage."""
        if not (isinstance(self.shape, tuple) and isinstance(self.strides, tuple)):
            raise ValueError(f"{self}, allowed: a shape and strides")
        numbers = (self.offset, *self.shape, *self.strides)
        if any(type(number) is not int or number < 0 for number in numbers):
            raise ValueError(f"{self}, allowed: sizes and strides >= 0")
        if not isinstance(self.storage, _Storage) or len(self.shape) != len(self.strides):
            raise ValueError(f"{self}, allowed: a storage, as many strides as axes")
        data = storages[self.storage.key]
        pairs = list(zip(self.shape, self.strides, strict=True))
        last = self.offset + sum((size - 1) * stride for size, stride in pairs)
        if prod(self.shape) > data.size or (prod(self.shape) and last >= data.size):
            raise ValueError(f"{self}, allowed: a view of its {data.size} numbers")
        if prod(self.shape) == 0:
            return np.zeros(self.shape, data.dtype)
        place = np.full((), self.offset)
        for size, stride in pairs:
            place = place[..., np.newaxis] + stride * np.arange(size)
        return np.asarray(data[place])


class _Restricted(pickle.Unpickler):
    """Makes dicts, numbers, strings and the classes above; any other global name is refused."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        raise pickle.UnpicklingError(f"{module}.{name}, allowed: tensors, storages, OrderedDict")

    def persistent_load(self, pid: Any) -> _Storage:
        if not (isinstance(pid, tuple) and len(pid) == 6 and isinstance(pid[1], _StorageType)):
            raise pickle.UnpicklingError(f"persistent id {pid!r}, allowed: a storage")
        kind, storage_type, key, _, elements, view = pid
        if kind != "storage" or view is not None or type(elements) is not int:
            raise pickle.UnpicklingError(f"persistent id {pid!r}, allowed: a whole storage")
        storage = _Storage(str(key), storage_type.dtype, elements)
        if self.storages.setdefault(storage.key, storage) != storage:
            raise pickle.UnpicklingError(f"{storage}, but {self.storages[storage.key]}")
        return storage


def read_torch_file(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read a state dict: the tensors by name, in the order of the file.

    Parameters
    ----------
    path : Path
        Written by `torch.save` of before PyTorch 1.6: five pickles (magic number, protocol,
        machine, objects, keys of the storages), then for each key a count and the raw numbers.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    pickle.UnpicklingError
        For a pickle that names anything but tensors, storages and dicts; nothing of it was run.
    ValueError
        For another layout.
    """
    with path.open("rb") as stream:
        header = [_load(stream)[0] for _ in range(3)]
        if header[0] != _MAGIC or header[1] != 1001:
            raise ValueError(f"{path}: begins with {header[:2]}, allowed: {[_MAGIC, 1001]}")
        if not isinstance(header[2], dict) or header[2].get("little_endian") is not True:
            raise ValueError(f"{path}: written on {header[2]}, allowed: little_endian")
        objects, known = _load(stream)
        keys, _ = _load(stream)
        if not isinstance(objects, dict) or not isinstance(keys, list) or {*keys} != {*known}:
            raise ValueError(f"{path}: no dict, or no list of its storages")
        storages = {key: _numbers(stream, known[key]) for key in keys}
    return {
        name: tensor.array(storages)
        for name, tensor in objects.items()
        if isinstance(tensor, _Tensor)
    }


def _load(stream: BinaryIO) -> tuple[Any, dict[str, _Storage]]:
    """The next object of the stream, and the storages it names."""
    unpickler = _Restricted(stream)
    return unpickler.load(), unpickler.storages


def _numbers(stream: BinaryIO, storage: _Storage) -> npt.NDArray[Any]:
    dtype = np.dtype(storage.dtype)
    count = int.from_bytes(stream.read(8), "little", signed=True)
    data = stream.read(storage.elements * dtype.itemsize)
    if count != storage.elements or len(data) != count * dtype.itemsize:
        raise ValueError(f"{storage}: the file has {count} numbers in {len(data)} bytes")
    return np.frombuffer(data, dtype)
