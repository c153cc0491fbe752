"""Run a datapath: doors, bounds, chains of planes and scale groups, row blocks, threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim import _native, bounds
from pyqsim.bounds import ZERO, Interval
from pyqsim.datapath import (
    Accumulate,
    CorrectZeroPoints,
    Datapath,
    Lookup,
    Merge,
    Multiply,
    Shift,
    is_nest,
)
from pyqsim.errors import CodeError, DatapathError, ShapeError
from pyqsim.events import Events
from pyqsim.execution.call_data import CallData, broadcast, interval_of
from pyqsim.execution.kernels import LANES_ROWS, why_not_int32
from pyqsim.execution.operand import Operand
from pyqsim.execution.output import OutputPipeline
from pyqsim.execution.telemetry import BlockResult, Chain, collect_events, raise_trap

__all__ = ["Runner"]

Ints = npt.NDArray[np.int64]

_BLOCK_ELEMENTS = 1 << 19  # int64 elements of a that one block of rows unpacks: 4 MiB
_THREAD_WORK = 1 << 20  # products below which one thread does it all
_LARGEST_SIZE = 2**31 - 1
_NO_TABLE = "the operands' products are too many for a table, or drawn at random"


class Runner:
    """A datapath bound to its second operand: packed once, run on many first operands.

    Parameters
    ----------
    datapath : Datapath
    b : Operand
        N rows of K (transposed weights).
    kernel, isa : str
        Of `KERNELS` and `ISAS`.
    """

    def __init__(
        self, datapath: Datapath, b: Operand, *, kernel: str = "auto", isa: str = "auto"
    ) -> None:
        self.datapath, self.kernel, self.isa = datapath, kernel, isa
        self.b = b.patterns() if isinstance(datapath.product, Lookup) else b
        self._fold = datapath.product == Multiply("fold")
        self._merges = any(isinstance(step, Merge) for step in datapath.output)
        self._order = _explicit_order(datapath)
        self._packed: dict[tuple[int, int], Ints] = {}
        self._explanation: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """(K, N)."""
        n, k = self.b.codes.shape
        return k, n

    def run(
        self,
        a: Operand,
        data: CallData,
        *,
        threads: int | None = None,
        counts: bool = False,
        n_first: int = 0,
    ) -> tuple[npt.NDArray[Any], Events]:
        """The integer results, and the events (without counts unless asked for).

        `n_first` is the number of b's first column in the whole, for places and random numbers.
        """
        if isinstance(self.datapath.product, Lookup):
            a = a.patterns()
        call = _Call(self, a, data, counts=counts, n_first=n_first)
        results = call.run_blocks(threads)
        self._explanation = call.explanation()
        raise_trap(self.datapath, call.chains, results)
        found = collect_events(self.datapath, call.chains, results, call.counts)
        leading = () if self._merges else (size for size in call.chain_shape if size != 1)
        return call.result.reshape((*leading, *call.shape)), found

    def explain(self) -> str:
        """Which kernel ran the chains of the last call, and why."""
        k, n = self.shape
        ran = self._explanation or ("not run yet: the choice needs the activations' extremes",)
        return "\n".join((f"K={k}, N={n}, kernel={self.kernel!r}, isa={self.isa!r}", *ran))

    def packed(self, chain: Chain) -> Ints:
        """The integers of b for a chain, unpacked once."""
        key = (chain.b_plane, chain.group)
        if key not in self._packed:
            self._packed[key] = self.b.integers(chain.b_plane, slice(None), chain.ks)
        return self._packed[key]


class _Call:
    """One run of a datapath: everything that is proven and laid out before the kernels run."""

    def __init__(
        self, runner: Runner, a: Operand, data: CallData, *, counts: bool, n_first: int
    ) -> None:
        self._runner, self._datapath = runner, runner.datapath
        self._a, self._b, self._n_first = a, runner.b, n_first
        self._order, self._fold = runner._order, runner._fold
        groups = self._check(data)
        k, n = runner.shape
        self.shape = (len(a.codes), n)
        self._k = k
        self.chain_shape = (a.planes, self._b.planes, len(groups))
        self.chains = [
            Chain(i, j, g, ks.start, ks.stop)
            for i in range(a.planes)
            for j in range(self._b.planes)
            for g, ks in enumerate(groups)
        ]
        self._bias = self._start_bias(data)
        self._program = _native.ReduceProgram(
            self._datapath.product,
            self._datapath.reduce,
            a_shifts=a.shifts,
            b_shifts=self._b.shifts,
        )
        self.why_not_lanes: dict[Chain, str | None] = {}
        self._pipeline = OutputPipeline(
            self._datapath.output,
            data,
            self.shape,
            self.chain_shape,
            [self._bound(chain) for chain in self.chains],
            [self._correction_bound(chain) for chain in self.chains],
            len(self._datapath.reduce),
        )
        dtype = self._datapath.result_dtype
        bounds.require(self._pipeline.interval, "result", dtype.itemsize * 8)
        self.counts = np.zeros(self.shape, dtype=np.int64) if counts else None
        kept = 1 if runner._merges else len(self.chains)
        self.result = np.empty((kept, *self.shape), dtype=dtype)

    # -- doors -------------------------------------------------------------------------------

    def _check(self, data: CallData) -> list[slice]:
        """Check a against b and the datapath; return the scale groups' slices of k."""
        (k, n), m = self._runner.shape, len(self._a.codes)
        if self._a.codes.shape[1] != k:
            raise ShapeError(
                f"a: shape={self._a.codes.shape}, b: shape=({k}, {n}), allowed: a's K equal to b's"
            )
        for name, size in (("M", m), ("K", k), ("N", n)):
            if size > _LARGEST_SIZE:
                raise ShapeError(f"{name}={size}, allowed: at most {_LARGEST_SIZE}")
        data.check_read(self._datapath)
        self._check_product()
        groups = _group_slices(self._a.group, self._b.group, k)
        for ks in groups:
            self._check_reduce(ks.stop - ks.start)
        return groups

    def _check_product(self) -> None:
        """The operands are such as the product takes."""
        product = self._datapath.product
        if isinstance(product, Shift) and not (self._a.shifts or self._b.shifts):
            raise DatapathError(
                "product Shift: neither operand's format has shifts, allowed: LogQuant, "
                "PowerOfTwo or APoT on at least one side"
            )
        if isinstance(product, Lookup):
            _check_lookup(product, self._a, self._b)
        corrected = any(isinstance(step, CorrectZeroPoints) for step in self._datapath.output)
        zero_points = self._a.has_zero_points or self._b.has_zero_points
        if self._fold and zero_points and not corrected:
            raise DatapathError(
                "Multiply('fold') with zero points: CorrectZeroPoints missing in output"
            )

    def _check_reduce(self, k: int) -> None:
        """The order and a table over k fit, and the reduce steps leave one value."""
        product = self._datapath.product
        if isinstance(product, Lookup) and product.table.values.ndim == 3:
            ks = product.table.values.shape[0]
            if ks < k:
                raise ShapeError(f"Lookup: table for {ks} ks, allowed: {k} or more")
        count = k
        if self._order is not None:
            real = int((self._order >= 0).sum())
            if real != k:
                raise DatapathError(f"order: names {real} ks, allowed: each of 0..{k - 1} once")
            count = len(self._order)
        for step in self._datapath.reduce:
            count = step.output_count(count) if isinstance(step, Accumulate) else count
            if count > _LARGEST_SIZE:
                raise DatapathError(f"reduce: {count} values, allowed: at most {_LARGEST_SIZE}")
        if count != 1:
            raise DatapathError(
                f"reduce: leaves {count} values for K={k}, allowed: 1; end with Accumulate()"
            )

    def _start_bias(self, data: CallData) -> Ints | None:
        """The bias that an accumulator starts from, inside its register."""
        for number, step in enumerate(self._datapath.reduce):
            if isinstance(step, Accumulate) and step.start == "bias" and data.bias is not None:
                bias = broadcast("bias", data.bias, self.shape)
                low, high = step.register.minimum, step.register.maximum
                found = interval_of(bias)
                if low is not None and high is not None and (found.low < low or found.high > high):
                    wrong = found.low if found.low < low else found.high
                    raise CodeError(
                        f"bias: value {wrong}, allowed: {low}..{high}, the range of reduce step "
                        f"{number}, which starts from it"
                    )
                return bias
        return None

    # -- bounds ------------------------------------------------------------------------------

    def _operand_intervals(self, chain: Chain) -> tuple[Interval, Interval]:
        """Extremes of both operands as the product meets them."""
        a = self._a.interval(chain.a_plane, chain.ks)
        b = self._b.interval(chain.b_plane, chain.ks)
        if not self._fold:
            a = bounds.subtract(a, self._a.zero_point_interval(chain.group))
            b = bounds.subtract(b, self._b.zero_point_interval(chain.group))
        return a, b

    def _bound(self, chain: Chain) -> Interval:
        """Interval of the value that a chain leaves; also chooses the chain's kernel."""
        a, b = self._operand_intervals(chain)
        term = bounds.product(self._datapath.product, a, b)
        slots = chain.k_stop - chain.k_first
        if self._order is not None:
            slots, term = len(self._order), term.hull(ZERO)
        start = ZERO if self._bias is None else interval_of(self._bias)
        value = bounds.reduce(self._datapath.reduce, term, slots, start)
        self.why_not_lanes[chain] = self._why_not_lanes(a, b, term, slots, start)
        return value

    def _why_not_lanes(
        self, a: Interval, b: Interval, term: Interval, slots: int, bias: Interval
    ) -> str | None:
        """Why the lanes kernel does not run a chain; None: it does."""
        n, m = self.shape[1], self.shape[0]
        if self._runner.kernel == "reference":
            return "asked for"
        if not self._program.has_lanes(n, slots):
            return "the lanes kernel does not know these steps"
        if m < LANES_ROWS and self._runner.kernel == "auto":
            return f"M={m} is below {LANES_ROWS} rows"
        reason = why_not_int32(self._datapath.reduce, a, b, term, slots, bias)
        return None if reason is None else f"int32 is not proven to hold the chain: {reason}"

    def _correction_bound(self, chain: Chain) -> Interval:
        """Interval of -zb*sum(a) - za*sum(b) + K*za*zb."""
        if not self._fold:
            return ZERO
        k = chain.k_stop - chain.k_first
        za, zb = (side.zero_point_interval(chain.group) for side in (self._a, self._b))
        sum_a = bounds.times(self._a.interval(chain.a_plane, chain.ks), k)
        sum_b = bounds.times(self._b.interval(chain.b_plane, chain.ks), k)
        total = bounds.times(bounds.scale(za, zb), k)
        total = bounds.subtract(total, bounds.scale(zb, sum_a))
        total = bounds.subtract(total, bounds.scale(za, sum_b))
        return bounds.require(total, "CorrectZeroPoints: the correction")

    def explanation(self) -> tuple[str, ...]:
        """One line a chain: its kernel, and why."""
        return tuple(
            f"planes ({chain.a_plane}, {chain.b_plane}), group {chain.group}: "
            + (
                "lanes: int32 is proven to hold every number"
                if reason is None
                else f"reference (scalar C): {reason}"
            )
            for chain, reason in self.why_not_lanes.items()
        )

    # -- blocks ------------------------------------------------------------------------------

    def run_blocks(self, threads: int | None) -> list[BlockResult]:
        """Run all rows, block by block, on as many threads as the work is worth."""
        m, n = self.shape
        wanted = threads or os.cpu_count() or 1
        workers = wanted if m * n * self._k >= _THREAD_WORK else 1
        blocks = list(_row_blocks(m, max(self._k, n), workers))
        if workers <= 1 or len(blocks) <= 1:
            return [self._run_block(rows) for rows in blocks]
        with ThreadPoolExecutor(min(workers, len(blocks))) as pool:
            return list(pool.map(self._run_block, blocks))

    def _run_block(self, rows: slice) -> BlockResult:
        work = np.empty((len(self.chains), rows.stop - rows.start, self.shape[1]), dtype=np.int64)
        corrections = None if self._pipeline.correction_at is None else np.empty_like(work)
        events = tuple(
            self._run_chain(
                chain, rows, work[index], None if corrections is None else corrections[index]
            )
            for index, chain in enumerate(self.chains)
        )
        if any(step.trap for steps in events for step in steps):
            return BlockResult(events, None)
        trap = self._pipeline.run(work, rows, corrections, self._n_first)
        self.result[:, rows] = work[: len(self.result)]
        return BlockResult(events, trap)

    def _run_chain(
        self, chain: Chain, rows: slice, out: Ints, correction: Ints | None
    ) -> tuple[_native.RawEvents, ...]:
        a, b = self._a.integers(chain.a_plane, rows, chain.ks), self._runner.packed(chain)
        za = self._a.zero_point(chain.group, rows)
        zb = self._b.zero_point(chain.group, slice(None))
        za = None if za is None else np.broadcast_to(za[:, None], out.shape)
        zb = None if zb is None else np.broadcast_to(zb[None, :], out.shape)
        if correction is not None:
            correction[:] = _native.zero_point_correction(a, b, za, zb)
        run = partial(
            self._program.run,
            a,
            b,
            out,
            order=self._order,
            m_first=rows.start,
            n_first=self._n_first,
            a_zero_point=None if self._fold else za,
            b_zero_point=None if self._fold else zb,
            bias=None if self._bias is None else self._bias[rows],
            counts=None if self.counts is None else self.counts[rows],
        )
        reason = self.why_not_lanes[chain]
        if reason is None:
            try:
                return run(lanes_isa=self._runner.isa)
            except _native.NoKernelError:
                reason = self.why_not_lanes[chain] = _NO_TABLE
        if self._runner.kernel == "lanes":
            raise DatapathError(f"kernel='lanes': {reason}, allowed: kernel='auto'")
        return run()


def _explicit_order(datapath: Datapath) -> Ints | None:
    order = datapath.order
    if order is None:
        return None
    if is_nest(order):
        raise DatapathError(f"order={order!r}: a loop nest, allowed: in conv2d only")
    return np.array(order, dtype=np.int64)


def _group_slices(a_group: int | None, b_group: int | None, k: int) -> list[slice]:
    group = a_group if a_group is not None else b_group
    if a_group is not None and b_group is not None and a_group != b_group:
        raise ShapeError(f"group: a has {a_group}, b has {b_group}, allowed: the same, or one")
    if group is None or k == 0:
        return [slice(0, k)]
    return [slice(start, min(start + group, k)) for start in range(0, k, group)]


def _check_lookup(product: Lookup, a: Operand, b: Operand) -> None:
    shape = product.table.values.shape
    for name, operand, size in (("a", a, shape[-2]), ("b", b, shape[-1])):
        found = operand.interval(0, slice(None))
        if operand.codes.size and (found.low < 0 or found.high >= size):
            wrong = found.low if found.low < 0 else found.high
            raise CodeError(f"Lookup: {name} has code {wrong}, allowed: 0..{size - 1}")


def _row_blocks(m: int, width: int, workers: int) -> Iterator[slice]:
    """Blocks of rows small enough for the caches, at least one a worker."""
    height = max(1, min(_BLOCK_ELEMENTS // max(width, 1), -(-m // workers)))
    for start in range(0, m, height):
        yield slice(start, min(start + height, m))
