"""One layer's numbers, without a machine: what every target can be asked to compute."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.checks import integer_array
from pyqsim.datapath import AddZeroPoint, Datapath, Requantize
from pyqsim.errors import CodeError, DatapathError, OperandError, ShapeError
from pyqsim.formats import Affine
from pyqsim.ops.matmul import matmul
from pyqsim.targets.call import call_data
from pyqsim.targets.target import IntegerRange, Target
from pyqsim.tensor import QTensor

__all__ = ["LayerData", "load_arrays"]

Ints = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class LayerData:
    """Operands and the numbers that come with them.

    Parameters
    ----------
    a, b : array_like of int
        Codes, (M, K) and (K, N).
    bias : array_like of int, optional
        Broadcasts to (M, N); the accumulator that an instruction is given.
    a_scale, b_scale, out_scale : array_like of float, optional
        All or none of them; without them targets hand out accumulators. For shift-only targets
        ``a_scale * b_scale / out_scale`` is a power of two.
    a_zero_point, b_zero_point, out_zero_point : int or array_like of int
        `b_zero_point` may be one a column.
    """

    a: npt.ArrayLike
    b: npt.ArrayLike
    bias: npt.ArrayLike | None = None
    a_scale: npt.ArrayLike | None = None
    b_scale: npt.ArrayLike | None = None
    out_scale: npt.ArrayLike | None = None
    a_zero_point: int = 0
    b_zero_point: npt.ArrayLike = 0
    out_zero_point: npt.ArrayLike = 0

    def __post_init__(self) -> None:
        for name in ("a", "b"):
            array = integer_array(name, getattr(self, name))
            if array.ndim != 2:
                raise ShapeError(f"{name}: shape={array.shape}, allowed: two axes")
            object.__setattr__(self, name, array)
        if len({x is None for x in (self.a_scale, self.b_scale, self.out_scale)}) > 1:
            raise DatapathError("a_scale, b_scale, out_scale: allowed: all of them or none")

    @property
    def has_scales(self) -> bool:
        """Whether accumulators can be requantized."""
        return self.a_scale is not None

    def datapath(self, target: Target) -> Datapath:
        """The target's, up to the accumulators where there are no scales."""
        if self.has_scales or target.scheme is None:
            return target.datapath
        kinds = [type(step) for step in target.datapath.output]
        return replace(target.datapath, output=target.datapath.output[: kinds.index(Requantize)])

    def data(self, target: Target) -> dict[str, Any]:
        """What a target's steps read, encoded as its runtime does."""
        scale: npt.ArrayLike | None = None
        if target.scheme is not None and self.has_scales:
            assert self.a_scale is not None
            assert self.b_scale is not None
            assert self.out_scale is not None
            scale = target.real_scale(self.a_scale, self.b_scale, self.out_scale)
        data = call_data(target, bias=self.bias, scale=scale, out_zero_point=self.out_zero_point)
        if not self.has_scales:
            data = {name: value for name, value in data.items() if name == "bias"}
        return data

    def check(self, target: Target) -> None:
        """Raise a `PyqsimError` that says why a target cannot take these numbers."""
        a, b = np.asarray(self.a), np.asarray(self.b)
        for name, array, allowed in (("a", a, target.a), ("b", b, target.b)):
            if not allowed.holds(array):
                raise CodeError(
                    f"{target.name}: {name} in {array.min()}..{array.max()}, allowed: {allowed}"
                )
        if target.k is not None and a.shape[1] != target.k:
            raise ShapeError(f"{target.name}: K={a.shape[1]}, allowed: {target.k}")
        if self.bias is not None and not target.bias.holds(self.bias):
            raise CodeError(f"{target.name}: bias, allowed: {target.bias}")
        if not target.datapath.reads_bias and self.bias is not None and np.any(self.bias):
            raise DatapathError(f"{target.name}: takes no bias, allowed: 0")
        if target.shifts is not None and self.has_scales:
            self._check_shifts(target, target.shifts)
        if not target.zero_points and (self.a_zero_point or np.any(self.b_zero_point)):
            raise DatapathError(f"{target.name}: has no zero points, allowed: 0")
        adds = any(isinstance(step, AddZeroPoint) for step in target.datapath.output)
        if self.has_scales and np.any(self.out_zero_point) and not adds:
            raise DatapathError(f"{target.name}: adds no output zero point, allowed: 0")

    def _check_shifts(self, target: Target, allowed: IntegerRange) -> None:
        assert self.a_scale is not None
        assert self.b_scale is not None
        assert self.out_scale is not None
        factor = target.real_scale(self.a_scale, self.b_scale, self.out_scale)
        if not allowed.holds(np.frexp(factor)[1] - 1):
            raise CodeError(f"{target.name}: factor {factor}, allowed: 2**s with s in {allowed}")

    def run(self, target: Target, datapath: Datapath | None = None) -> Ints:
        """What a target makes of it.

        Raises
        ------
        PyqsimError
            Where the target cannot take these numbers.

        Examples
        --------
        >>> from pyqsim import targets
        >>> layer = LayerData([[255, 255]], [[127], [127]])
        >>> layer.run(targets.get("x86-vpmaddubsw")).tolist()
        [[32767]]
        """
        self.check(target)
        a, b = self.operands()
        result: Ints = matmul(a, b, datapath or self.datapath(target), **self.data(target))
        return result

    def operands(self) -> tuple[QTensor | Ints, QTensor | Ints]:
        """As `pyqsim.matmul` takes them: with zero points as tensors, else as arrays."""
        a, b = np.asarray(self.a), np.asarray(self.b)
        return _with_zero_point(a, self.a_zero_point), _with_zero_point(b, self.b_zero_point)


def _with_zero_point(codes: Ints, zero_point: npt.ArrayLike) -> QTensor | Ints:
    if not np.any(zero_point):
        return codes
    low = min(int(codes.min(initial=0)), int(np.min(zero_point)))
    high = max(int(codes.max(initial=0)), int(np.max(zero_point)))
    for bits in (8, 16):
        for signed in (True, False):
            limits = IntegerRange.of_bits(bits, signed=signed)
            if limits.low <= low and high <= limits.high:
                axis = 1 if np.ndim(zero_point) else None
                shape = (codes.shape[1],) if axis == 1 else ()
                ones = np.ones(shape)
                return QTensor(codes, Affine(bits, signed), ones, zero_point, axis=axis)
    raise CodeError(f"codes and zero points in {low}..{high}, allowed: 16 bits")


#: Arrays of an .npz file, by name.
_FIELDS = tuple(LayerData.__dataclass_fields__)


def load_arrays(path: Path) -> tuple[LayerData, Ints | None]:
    """Read a layer, and what came out where the file has it, from an ``.npz`` file.

    Parameters
    ----------
    path : Path
        Arrays a, b and optionally out, bias, a_scale, b_scale, out_scale, a_zero_point,
        b_zero_point, out_zero_point.

    Returns
    -------
    layer : LayerData
    out : ndarray or None

    Raises
    ------
    OperandError
        For a file that is no such archive.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
    except (ValueError, EOFError, AttributeError, TypeError) as error:
        raise OperandError(f"{path}: {str(error).splitlines()[0]}, allowed: an .npz file") from None
    unknown = set(arrays) - {*_FIELDS, "out"}
    missing = {"a", "b"} - set(arrays)
    if unknown or missing:
        raise OperandError(
            f"{path}: {', '.join(sorted(arrays)) or 'no arrays'}, allowed: a and b, and of "
            f"{', '.join((*_FIELDS[2:], 'out'))}"
        )
    out = arrays.pop("out", None)
    if "a_zero_point" in arrays:
        arrays["a_zero_point"] = int(arrays["a_zero_point"])
    return LayerData(**arrays), None if out is None else integer_array("out", out)
