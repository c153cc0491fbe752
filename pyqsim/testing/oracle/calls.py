"""`matmul`: the door checks, every output by itself, and what comes back."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import (
    Accumulate,
    AddBias,
    AddLogs,
    AddZeroPoint,
    CorrectZeroPoints,
    Datapath,
    Lookup,
    Merge,
    Multiply,
    Register,
    Requantize,
    Shift,
    Thresholds,
)
from pyqsim.errors import (
    AccumulatorRangeError,
    CodeError,
    DatapathError,
    QuantizationError,
    ShapeError,
)
from pyqsim.events import Events
from pyqsim.testing.oracle.operands import Integers, Operand, broadcast
from pyqsim.testing.oracle.outputs import OutputData, Outputs, check_schemes
from pyqsim.testing.oracle.products import Factors, product_term
from pyqsim.testing.oracle.recording import Chain, Record
from pyqsim.testing.oracle.reducing import Value, check_leaves_one_value, reduce_chain
from pyqsim.testing.oracle.registers import register_range
from pyqsim.testing.oracle.schemes import FORMULAS, FloatNumbers

__all__ = ["matmul"]

Result = npt.NDArray[np.int32] | npt.NDArray[np.int64]


@overload
def matmul(
    a: Any,
    b: Any,
    datapath: Datapath,
    *,
    bias: Any = None,
    requantize: Any = None,
    out_zero_point: Any = None,
    merge: Any = None,
    events: Literal[False] = False,
    counts: Literal[False] = False,
) -> Result: ...


@overload
def matmul(
    a: Any,
    b: Any,
    datapath: Datapath,
    *,
    bias: Any = None,
    requantize: Any = None,
    out_zero_point: Any = None,
    merge: Any = None,
    events: Literal[True],
    counts: bool = False,
) -> tuple[Result, Events]: ...


@overload
def matmul(
    a: Any,
    b: Any,
    datapath: Datapath,
    *,
    bias: Any = None,
    requantize: Any = None,
    out_zero_point: Any = None,
    merge: Any = None,
    events: bool = False,
    counts: Literal[True],
) -> tuple[Result, Events]: ...


def matmul(
    a: Any,
    b: Any,
    datapath: Datapath,
    *,
    bias: Any = None,
    requantize: Any = None,
    out_zero_point: Any = None,
    merge: Any = None,
    events: bool = False,
    counts: bool = False,
) -> Result | tuple[Result, Events]:
    """Multiply two matrices on the machine that a datapath describes, in Python integers.

    Parameters
    ----------
    a, b : QTensor, array or nested lists of int
        M x K and K x N.
    datapath : Datapath
    bias : int or array of int, optional
        Broadcasts to (M, N), like all data of the output steps.
    requantize : object, optional
        The scheme's parameters: `multiplier` and `shift`, `shift` alone, or `scale`.
    out_zero_point : int or array of int, optional
    merge : array of int, optional
        Multipliers of `Merge`, broadcast to (planes of a, planes of b, groups, M, N); default 1.
    events : bool
        Return the events as well.
    counts : bool
        Count overflows per output in the events (implies `events`).

    Returns
    -------
    y : ndarray
        int32 or int64, as the datapath decides; (planes of a, planes of b, groups, M, N) without
        those of the first three that are 1, (M, N) after `Merge`.
    events : Events
        Only where asked for.

    Raises
    ------
    DatapathError, ShapeError, OperandError, CodeError
        An impossible call.
    AccumulatorRangeError
        A result outside the result's dtype.
    OverflowTrap
        An overflow under TRAP.

    Examples
    --------
    >>> from pyqsim.datapath import Accumulate, Datapath
    >>> a, b = [[127, 127, -128]], [[127], [127], [127]]
    >>> y, events = matmul(a, b, Datapath(reduce=Accumulate(14, "saturate")), events=True)
    >>> y.tolist(), events.overflows, events.first
    ([[-8065]], 2, (0, 0, 0, 0))
    """
    call = _Call(datapath, Operand("a", a, 0), Operand("b", b, 1))
    call.read_data(bias, requantize, out_zero_point, merge)
    record = Record(datapath.reduce)
    result = call.run(record)
    if events or counts:
        return result, record.events((call.M, call.N), counts)
    return result


class _Call:
    """One call: its operands and data, checked; `run` computes."""

    def __init__(self, datapath: Datapath, a: Operand, b: Operand) -> None:
        self.datapath, self.a, self.b = datapath, a, b
        (self.M, self.K), (K, self.N) = a.codes.shape, b.codes.shape
        if self.K != K:
            raise ShapeError(f"a: {a.codes.shape}, b: {b.codes.shape}, allowed: M x K and K x N")
        self.groups = self._scale_groups()
        self.orders = [self._order(len(ks)) for ks in self.groups]
        for order in self.orders:
            check_leaves_one_value(datapath.reduce, len(order))
        self._check_product()
        self._check_output_steps()

    def _scale_groups(self) -> list[range]:
        """The ks of each scale group; without groups, or without ks, one range."""
        sizes = {operand.group for operand in (self.a, self.b)} - {None}
        if len(sizes) > 1:
            raise ShapeError(f"a.group={self.a.group}, b.group={self.b.group}, allowed: equal")
        if not sizes or self.K == 0:
            return [range(self.K)]
        size = sizes.pop()
        assert size is not None
        return [range(k, min(k + size, self.K)) for k in range(0, self.K, size)]

    def _order(self, length: int) -> tuple[int, ...]:
        """Which local k each slot holds, -1 for a hole."""
        order = self.datapath.order
        if order is None:
            return tuple(range(length))
        ks = tuple(k for k in order if isinstance(k, int))
        if len(ks) != len(order):
            raise DatapathError(f"order={order!r}, allowed in matmul: a sequence of k")
        if sorted(k for k in ks if k != -1) != list(range(length)):
            raise DatapathError(f"order={order!r}, allowed: each of 0..{length - 1} once, and -1")
        return ks

    def _check_product(self) -> None:
        product = self.datapath.product
        if isinstance(product, Shift):
            if not (self.a.shifts or self.b.shifts):
                raise DatapathError("Shift: no operand shifts, allowed: a format with shifts")
            both = self.a.shifts and self.b.shifts
            shifting = [self.b] if self.b.shifts and not both else [self.a]
            for operand in (self.a, self.b) if both else shifting:
                if operand.has_zero_points:
                    raise DatapathError(
                        f"Shift: {operand.name} shifts and has a zero point, allowed: 0"
                    )
        if isinstance(product, AddLogs):
            self._check_logs()
        if isinstance(product, Lookup):
            table = product.table.values
            longest = max((len(ks) for ks in self.groups), default=0)
            if table.ndim == 3 and table.shape[0] < longest:
                raise ShapeError(
                    f"Lookup: table.shape={table.shape}, allowed: at least {longest} on axis 0"
                )

    def _check_logs(self) -> None:
        """Each integer is one power of two or 0, and no term is 0: that would be 2**0."""
        for operand in (self.a, self.b):
            if not operand.one_power:
                raise DatapathError(
                    f"AddLogs: operand {operand.name}, allowed: a format whose integers are 0 or "
                    "one power of two each"
                )
        if any(k == -1 for order in self.orders for k in order):
            raise DatapathError("AddLogs: order has a hole, allowed: none")

    def _check_output_steps(self) -> None:
        steps = self.datapath.output
        corrected = any(isinstance(step, CorrectZeroPoints) for step in steps)
        offset = self.a.has_zero_points or self.b.has_zero_points
        if self.datapath.product == Multiply("fold") and offset and not corrected:
            raise DatapathError("Multiply('fold') with zero points, allowed: CorrectZeroPoints")
        for step in steps:
            if isinstance(step, Thresholds) and step.values.values.ndim == 2:
                rows = step.values.values.shape[0]
                if rows != self.N:
                    raise ShapeError(f"Thresholds: {rows} rows, allowed: N={self.N}")
        check_schemes(steps)

    # -----------------------------------------------------------------------------------------
    # data

    def read_data(self, bias: Any, requantize: Any, out_zero_point: Any, merge: Any) -> None:
        """Check that each piece of data is read by a step, and broadcast it."""
        steps = (*self.datapath.reduce, *self.datapath.output)
        starts = [s for s in steps if isinstance(s, Accumulate) and s.start == "bias"]
        self._check_read("bias", bias, any(isinstance(s, AddBias) for s in steps) or bool(starts))
        self._check_read(
            "out_zero_point", out_zero_point, any(isinstance(s, AddZeroPoint) for s in steps)
        )
        scheme = next((s.scheme for s in steps if isinstance(s, Requantize)), None)
        self._check_read("requantize", requantize, scheme is not None)
        if merge is not None:
            self._check_read("merge", merge, any(isinstance(s, Merge) for s in steps))

        outputs = (self.M, self.N)
        self.bias = broadcast("bias", 0 if bias is None else bias, outputs)
        self.out_zero_point = broadcast(
            "out_zero_point", 0 if out_zero_point is None else out_zero_point, outputs
        )
        planes = (len(self.a.planes), len(self.b.planes), len(self.groups))
        self.merge = broadcast("merge", 1 if merge is None else merge, planes + outputs)
        self._read_parameters(scheme, requantize)
        for start in starts:
            self._check_start(start)

    @staticmethod
    def _check_read(name: str, value: Any, is_read: bool) -> None:
        if is_read and value is None:
            raise DatapathError(f"{name}=None, allowed: a value, a step reads it")
        if value is not None and not is_read:
            raise DatapathError(f"{name} given, allowed: None, no step reads it")

    def _check_start(self, step: Accumulate) -> None:
        limits = register_range(Register(step.bits, step.overflow, step.signed))
        for value in map(int, self.bias.flat):
            if limits is not None and not limits[0] <= value <= limits[1]:
                raise CodeError(f"bias: {value}, allowed: {limits[0]}..{limits[1]}")

    def _read_parameters(self, scheme: Any, given: Any) -> None:
        """Multiplier, shift and scale, each broadcast to (M, N)."""
        outputs = (self.M, self.N)
        self.multiplier = broadcast("multiplier", getattr(given, "multiplier", 0), outputs)
        self.shift = broadcast("shift", getattr(given, "shift", 0), outputs)
        self.offset = broadcast("offset", getattr(given, "offset", 0), outputs)
        chain = hasattr(given, "first")  # a FloatChain: its first factor is the scale
        names = ("first" if chain else "scale", "second", "addend", "last")
        defaults = (0.0, 1.0, 0.0, 1.0)
        self.floats = [
            _reals(name, getattr(given, name, default), outputs)
            for name, default in zip(names, defaults, strict=True)
        ]
        if given is None:
            return
        for name in _parameter_names(scheme):
            if not hasattr(given, "first" if chain and name == "scale" else name):
                raise DatapathError(f"requantize={given!r}, allowed: with {name!r} for {scheme!r}")

    # -----------------------------------------------------------------------------------------
    # arithmetic

    def run(self, record: Record) -> Result:
        """All chains of all outputs first, since their traps come first; then the output steps."""
        every_output = list(np.ndindex(self.M, self.N))
        reduced = {(m, n): self._reduce(m, n, record) for m, n in every_output}
        record.raise_trap()
        results = {(m, n): self._finish(m, n, reduced[m, n]) for m, n in every_output}
        return self._array(results)

    def _chains(self) -> list[tuple[Integers, Integers, int]]:
        """Plane of a, plane of b, group: i, then j, then g ascending."""
        return [
            (plane_a, plane_b, g)
            for plane_a in self.a.planes
            for plane_b in self.b.planes
            for g in range(len(self.groups))
        ]

    def _reduce(self, m: int, n: int, record: Record) -> list[int]:
        values = []
        for number, (plane_a, plane_b, g) in enumerate(self._chains()):
            ks, order = self.groups[g], self.orders[g]
            chain = Chain(m, n, number, tuple(-1 if k == -1 else ks[k] for k in order))
            terms = []
            for position, k in enumerate(order):
                if k == -1:
                    terms.append(Value(0, -1))
                    continue
                whole_k = ks[k]
                factors = Factors(
                    a=int(plane_a[m, whole_k]),
                    b=int(plane_b[whole_k, n]),
                    za=self.a.zero_point(g, m),
                    zb=self.b.zero_point(g, n),
                    a_code=int(self.a.codes[m, whole_k]),
                    b_code=int(self.b.codes[whole_k, n]),
                    a_shifts=self.a.shifts,
                    b_shifts=self.b.shifts,
                    k=k,
                    position=position,
                    m=m,
                    n=n,
                )
                terms.append(Value(product_term(self.datapath.product, factors), position))
            bias = int(self.bias[m, n])
            values.append(reduce_chain(terms, self.datapath.reduce, bias, chain, record))
        return values

    def _correction(self, m: int, n: int, plane_a: Integers, plane_b: Integers, g: int) -> int:
        """``-zb*sum(a) - za*sum(b) + K*za*zb`` over the real terms of one chain."""
        za, zb = self.a.zero_point(g, m), self.b.zero_point(g, n)
        ks = self.groups[g]
        sum_a = sum(int(plane_a[m, k]) for k in ks)
        sum_b = sum(int(plane_b[k, n]) for k in ks)
        return -zb * sum_a - za * sum_b + len(ks) * za * zb

    def _finish(self, m: int, n: int, values: list[int]) -> list[int]:
        data = OutputData(
            bias=int(self.bias[m, n]),
            out_zero_point=int(self.out_zero_point[m, n]),
            multiplier=int(self.multiplier[m, n]),
            shift=int(self.shift[m, n]),
            offset=int(self.offset[m, n]),
            scale=Fraction(float(self.floats[0][m, n])),
            floats=FloatNumbers(*(Fraction(float(of[m, n])) for of in self.floats[1:])),
            corrections=[self._correction(m, n, *chain) for chain in self._chains()],
            merge=[int(multiplier) for multiplier in self.merge[..., m, n].reshape(-1)],
        )
        steps = self.datapath
        return Outputs(steps.output, len(steps.reduce), m, n, data).run(values)

    def _array(self, results: dict[tuple[int, int], list[int]]) -> Result:
        """(planes of a, planes of b, groups, M, N) without those of the first three that are 1."""
        shape = [len(self.a.planes), len(self.b.planes), len(self.groups)]
        if any(isinstance(step, Merge) for step in self.datapath.output):
            shape = [1, 1, 1]
        dtype = self.datapath.result_dtype
        low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        array = np.zeros((*shape, self.M, self.N), dtype=dtype)
        flat = array.reshape(-1, self.M, self.N) if array.size else array
        for (m, n), values in results.items():
            for chain, value in enumerate(values):
                if not low <= value <= high:
                    raise AccumulatorRangeError(
                        f"result: {value} at m={m}, n={n}, allowed: {dtype}; give the last step "
                        "more bits, or a range rule"
                    )
                flat[chain, m, n] = value
        return array.reshape((*(size for size in shape if size != 1), self.M, self.N))


def _reals(name: str, given: Any, shape: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Finite numbers broadcast to (M, N)."""
    numbers = np.asarray(given, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise QuantizationError(f"{name}={numbers.tolist()}, allowed: finite")
    try:
        return np.broadcast_to(numbers, shape)
    except ValueError:
        raise ShapeError(f"{name}: {numbers.shape}, allowed: to {shape}") from None


def _parameter_names(scheme: Any) -> list[str]:
    """Which attributes a scheme's parameters must have."""
    name = type(scheme).__name__
    if name in ("ShiftOnly", "NvdlaTruncate", "VtaShift"):
        return ["shift"]
    if name in FORMULAS:
        return ["multiplier", "shift"]
    if scheme.stages is None:
        return ["scale"]
    names = []
    if any(stage.multiplier for stage in scheme.stages):
        names.append("multiplier")
    if any(stage.shift != "none" for stage in scheme.stages):
        names.append("shift")
    return names
