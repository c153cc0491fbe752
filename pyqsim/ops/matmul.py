"""Matrix multiplication on a datapath: a plan packs the weights once and runs many times."""

from __future__ import annotations

from typing import Any, Literal, TypedDict, Unpack, overload

import numpy as np
import numpy.typing as npt

from pyqsim import _native
from pyqsim.checks import check_int
from pyqsim.datapath import Datapath
from pyqsim.errors import DatapathError, ModeError, OperandError, ShapeError
from pyqsim.events import Events
from pyqsim.execution import ISAS, KERNELS, CallData, Operand, Runner
from pyqsim.ops.operands import Matrix, first_operand, second_operand
from pyqsim.parameters import Parameters

__all__ = ["DataOptions", "KernelOptions", "Plan", "RunOptions", "matmul", "plan"]

Result = npt.NDArray[Any]

_ndarray = np.ndarray  # looked up once: calls of a microsecond notice


class DataOptions(TypedDict, total=False):
    """The numbers that come with a call; `matmul` documents them."""

    bias: npt.ArrayLike | None
    requantize: Parameters | None
    out_zero_point: npt.ArrayLike | None
    merge: npt.ArrayLike | None


class PlanOptions(DataOptions, total=False):
    """Keyword arguments of one run that need the long way; `matmul` documents them."""

    counts: bool
    n_first: int


class RunOptions(PlanOptions, total=False):
    """Keyword arguments of one run; `matmul` documents them."""

    out: Result | None
    threads: int | None


class KernelOptions(RunOptions, total=False):
    """Keyword arguments of `matmul`: those of a run, and which kernel."""

    kernel: str
    isa: str


class Plan:
    """Weights packed for one datapath, to be run on many activations.

    Made by `plan`. Calling it takes the arguments of `matmul` but for `b` and `datapath`.
    """

    def __init__(self, b: Matrix, datapath: Datapath, kernel: str, isa: str) -> None:
        if not isinstance(datapath, Datapath):
            raise DatapathError(f"datapath={datapath!r}, allowed: a Datapath")
        for name, value, choices in (("kernel", kernel, KERNELS), ("isa", isa, ISAS)):
            if value not in choices:
                raise ModeError(f"{name}={value!r}, allowed: {', '.join(map(repr, choices))}")
        self.datapath = datapath
        if not _native.isa_available(isa):
            raise ModeError(f"isa={isa!r}, allowed: one that this CPU has; 'auto' finds the best")
        self._runner = Runner(datapath, second_operand(b), kernel=kernel, isa=isa)
        self._run_direct = self._runner.run_direct

    @overload
    def __call__(
        self,
        a: Matrix,
        *,
        events: Literal[False] = False,
        out: Result | None = None,
        threads: int | None = None,
        **options: Unpack[PlanOptions],
    ) -> Result: ...
    @overload
    def __call__(
        self,
        a: Matrix,
        *,
        events: Literal[True],
        out: Result | None = None,
        threads: int | None = None,
        **options: Unpack[PlanOptions],
    ) -> tuple[Result, Events]: ...
    def __call__(
        self,
        a: Matrix,
        *,
        events: bool = False,
        out: Result | None = None,
        threads: int | None = None,
        **options: Unpack[PlanOptions],
    ) -> Result | tuple[Result, Events]:
        """Run on activations; see `matmul` for the arguments."""
        if type(a) is _ndarray and not events and not options:
            if threads is not None:
                _check_threads(threads)
            result = self._run_direct(a, out, threads)
            if result is not None:
                return result
        result, found = self.run(a, events=events, out=out, threads=threads, **options)
        return result if found is None else (result, found)

    def run(
        self,
        a: Matrix | Operand,
        *,
        events: bool = False,
        bias: npt.ArrayLike | None = None,
        requantize: Parameters | None = None,
        out_zero_point: npt.ArrayLike | None = None,
        merge: npt.ArrayLike | None = None,
        counts: bool = False,
        out: Result | None = None,
        threads: int | None = None,
        n_first: int = 0,
    ) -> tuple[Result, Events | None]:
        """The result, and the events where they are asked for; see `matmul` for the arguments."""
        if threads is not None:
            _check_threads(threads)
        check_int("matmul", "n_first", n_first, 0, 2**31 - 1)
        if counts and not events:
            raise ModeError("counts=True, allowed: together with events=True")
        data = CallData(bias, requantize, out_zero_point, merge)
        result, found = self._runner.run(
            first_operand(a), data, threads=threads, events=events, counts=counts, n_first=n_first
        )
        if out is not None:
            _copy_out(out, result)
            result = out
        return result, found

    def explain(self) -> str:
        """Which kernel ran each chain of the last call, on which instruction set, and why.

        Before the first call it says what is open: the choice needs the activations' extremes.
        """
        return self._runner.explain()


def _check_threads(threads: int) -> None:
    check_int("matmul", "threads", threads, 1, None)


def _copy_out(out: Result, result: Result) -> None:
    if not isinstance(out, np.ndarray) or out.dtype != result.dtype:
        raise OperandError(
            f"out: {getattr(out, 'dtype', type(out))}, allowed: an ndarray of {result.dtype}"
        )
    if out.shape != result.shape:
        raise ShapeError(f"out: shape={out.shape}, allowed: {result.shape}")
    if not out.flags.writeable:
        raise OperandError("out: read-only, allowed: a writable array")
    out[...] = result


def plan(b: Matrix, datapath: Datapath, *, kernel: str = "auto", isa: str = "auto") -> Plan:
    """Pack weights for a datapath.

    Parameters
    ----------
    b : array_like of int or QTensor, (K, N)
    datapath : Datapath
    kernel : {"auto", "reference", "lanes", "gemm"}
    isa : {"auto", "portable", "neon", "dotprod", "avx2", "avxvnni", "avx512bw",
        "avx512vnni", "avx512vbmi", "avx512vpopcntdq"}

    Returns
    -------
    Plan

    Examples
    --------
    >>> import pyqsim as qs
    >>> p = qs.plan([[1], [2]], qs.Datapath())
    >>> p([[3, 4], [5, 6]]).tolist()
    [[11], [17]]
    """
    return Plan(b, datapath, kernel, isa)


@overload
def matmul(
    a: Matrix,
    b: Matrix,
    datapath: Datapath,
    *,
    events: Literal[False] = False,
    **options: Unpack[KernelOptions],
) -> Result: ...
@overload
def matmul(
    a: Matrix,
    b: Matrix,
    datapath: Datapath,
    *,
    events: Literal[True],
    **options: Unpack[KernelOptions],
) -> tuple[Result, Events]: ...
def matmul(
    a: Matrix,
    b: Matrix,
    datapath: Datapath,
    *,
    events: bool = False,
    kernel: str = "auto",
    isa: str = "auto",
    **options: Unpack[RunOptions],
) -> Result | tuple[Result, Events]:
    """Multiply matrices exactly as a datapath does.

    Parameters
    ----------
    a : array_like of int or QTensor, (M, K)
        Activations. A QTensor's scale is not used; its zero point is subtracted by the product.
    b : array_like of int or QTensor, (K, N)
        Weights.
    datapath : Datapath
    events : bool
        Also return the `Events`.
    counts : bool
        Also count overflows per output, in ``events.counts``; needs ``events=True``.
    bias : array_like of int, optional
        Read by ``Accumulate(start="bias")`` or `AddBias`; broadcasts to (M, N), as do all data.
    requantize : Multiplier, FloatFactor or PowerOfTwoFactor, optional
        Read by `Requantize`; made by its scheme's ``encode``.
    out_zero_point : array_like of int, optional
        Read by `AddZeroPoint`.
    merge : array_like of int, optional
        Multipliers of `Merge`, broadcast to (planes of a, planes of b, groups, M, N); default 1.
    out : ndarray, optional
        Where the result goes: of its shape and dtype.
    kernel : {"auto", "reference", "lanes", "gemm"}
    isa : {"auto", "portable", "neon", "dotprod", "avx2", "avxvnni", "avx512bw",
        "avx512vnni", "avx512vbmi", "avx512vpopcntdq"}
    threads : int, optional
        Default: all cores for large calls. The result and the events do not depend on it.
    n_first : int
        Number of b's first column in the whole, for places and random numbers.

    Returns
    -------
    ndarray, or (ndarray, Events)
        `Datapath.result_dtype`; (M, N), with leading axes (planes of a, planes of b, groups)
        where they are longer than 1 and no `Merge` sums them.

    Raises
    ------
    ShapeError, OperandError, CodeError, DatapathError, ModeError
        For input that does not fit, before any work.
    AccumulatorRangeError
        Where int64 is not proven to hold every value of a step.
    OverflowTrap
        For an overflow in a TRAP register.

    Examples
    --------
    >>> import pyqsim as qs
    >>> dp = qs.Datapath(reduce=(qs.Accumulate(14, "saturate"),))
    >>> y, found = qs.matmul([[127, 127, -128]], [[127], [127], [127]], dp, events=True)
    >>> y.tolist(), found.overflows, found.first
    ([[-8065]], 2, (0, 0, 0, 0))
    """
    planned = plan(b, datapath, kernel=kernel, isa=isa)
    return planned(a, events=True, **options) if events else planned(a, **options)
