"""One run of a datapath: bounds, chains of planes and scale groups, row blocks, threads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod

import numpy as np
import numpy.typing as npt

from pyqsim import _native, bounds
from pyqsim.bounds import ZERO, Interval
from pyqsim.datapath import Datapath, Merge, Multiply
from pyqsim.errors import DatapathError
from pyqsim.execution.bits import bits_of
from pyqsim.execution.call_data import CallData, interval_of
from pyqsim.execution.chain_kernel import ChainKernel, Chains, ChainSums, FirstOperand
from pyqsim.execution.chain_output import ChainOutput
from pyqsim.execution.doors import check_call, explicit_order, start_bias
from pyqsim.execution.gemm import ELEMENTS
from pyqsim.execution.kernels import LANES_ROWS, why_not_int32
from pyqsim.execution.operand import Operand
from pyqsim.execution.output import OutputPipeline, Program
from pyqsim.execution.passes import Pass, name_of, passes_of
from pyqsim.execution.shares import run_shares, thread_count
from pyqsim.execution.telemetry import BlockResult, Chain
from pyqsim.execution.tracing import ChainTrace, OutputRecord

__all__ = ["Call"]

Ints = npt.NDArray[np.int64]

_THREAD_WORK = 1 << 20  # products below which one thread does it all
_BLOCK_ELEMENTS = 1 << 19  # int64 elements of a that one block of rows unpacks: 4 MiB
_MANY = 1 << 30  # rows
_NO_TABLE = "the operands' products are too many for a table, or drawn at random"


class Call:
    """One run of a datapath: everything that is proven and laid out before the kernels run."""

    def __init__(
        self,
        datapath: Datapath,
        a: Operand,
        b: Operand,
        packed: Callable[[Chain], Ints],
        data: CallData,
        *,
        kernel: str,
        isa: str,
        counts: bool,
        n_first: int,
        gemms: ChainSums | None,
    ) -> None:
        self._datapath, self._a, self._b, self._packed = datapath, a, b, packed
        self._kernel, self._isa, self._n_first = kernel, isa, n_first
        self._order = explicit_order(datapath)
        self._fold = datapath.product == Multiply("fold")
        groups = check_call(datapath, a, b, data, self._order)
        self.shape = (len(a.codes), len(b.codes))
        self.k = b.codes.shape[1]
        self.chain_shape = (a.planes, self._b.planes, len(groups))
        self.chains = [
            Chain(i, j, g, ks.start, ks.stop)
            for i in range(a.planes)
            for j in range(self._b.planes)
            for g, ks in enumerate(groups)
        ]
        self._bias = start_bias(datapath, data, self.shape)
        self._program = _native.ReduceProgram(
            self._datapath.product,
            self._datapath.reduce,
            a_shifts=a.shifts,
            b_shifts=self._b.shifts,
        )
        self.why_not_lanes: dict[Chain, str | None] = {}
        self.kernels: dict[Chains, ChainKernel | str] = {}
        for chains in self._chains_of_one_a():
            self.kernels |= self._choose_kernels(chains, gemms)
        self._passes = passes_of(self.chains, self.kernels)
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
        merges = any(isinstance(step, Merge) for step in datapath.output)
        if merges:
            self.chain_shape = (1, 1, 1)
        self._takes_sums = self._passes is not None and dtype == self._passes[0].kernel.dtype
        self.result = np.empty((prod(self.chain_shape), *self.shape), dtype=dtype)

    @property
    def leading(self) -> tuple[int, ...]:
        """The axes of the result before (M, N)."""
        return tuple(size for size in self.chain_shape if size != 1)

    def _chains_of_one_a(self) -> list[Chains]:
        """The chains that meet the same plane of a in the same part of K."""
        planes, groups = self.chain_shape[1:]
        starts = (
            i * planes * groups + g for i in range(self.chain_shape[0]) for g in range(groups)
        )
        return [tuple(self.chains[at : at + planes * groups : groups]) for at in starts]

    def _choose_kernels(
        self, chains: Chains, gemms: ChainSums | None
    ) -> dict[Chains, ChainKernel | str]:
        if gemms is None:
            return {(chain,): "events are asked for" for chain in chains}
        if self._kernel not in ("auto", "gemm"):
            return {(chain,): f"kernel={self._kernel!r} is asked for" for chain in chains}
        plane, group, ks = chains[0].a_plane, chains[0].group, chains[0].ks
        dtype, a = self._a.codes.dtype, self._a.interval(plane, ks)
        operand = FirstOperand(
            a,
            dtype if self._a.is_plain and dtype in ELEMENTS else None,
            self._a.zero_point(group, slice(None)),
            self._a.shifts,
            self._a.integers_by_byte(plane),
            partial(bits_of, self._a, plane, ks, a),
        )
        return dict(gemms.choose(chains, operand, self._bias))

    def fused_parts(self) -> tuple[tuple[Pass, ...], Program | ChainOutput | None] | None:
        """The passes over a and what runs the output steps; None: some chain has no kernel."""
        if not self._passes:
            return None
        try:
            return self._passes, self._pipeline.program(self._isa, _MANY)
        except _native.NoKernelError:
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
        if self._kernel == "reference":
            return "asked for"
        if not self._program.has_lanes(n, slots):
            return "the lanes kernel does not know these steps"
        if m < LANES_ROWS and self._kernel == "auto":
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
        """One line for each chain, or chains of one kernel: which, and why."""
        return tuple(
            f"{name_of(chains)}: {self._why(chains[0], kernel)}"
            for chains, kernel in self.kernels.items()
        )

    def _why(self, chain: Chain, kernel: ChainKernel | str) -> str:
        reason = self.why_not_lanes[chain]
        if isinstance(kernel, ChainKernel):
            return kernel.explanation
        if reason is None:
            return f"lanes: int32 is proven to hold every number; no gemm: {kernel}"
        return f"reference (scalar C): {reason}; no gemm: {kernel}"

    # -- blocks ------------------------------------------------------------------------------

    def run_blocks(self, threads: int | None) -> list[BlockResult]:
        """Run all rows, block by block, on as many threads as the work is worth."""
        m, n = self.shape
        workers = thread_count(threads) if m * n * self.k >= _THREAD_WORK else 1
        return run_shares(self._run_block, _row_blocks(m, max(self.k, n), workers), workers)

    def _run_block(self, rows: slice) -> BlockResult:
        if self._passes is not None and not self._datapath.output and self._takes_sums:
            for one in self._passes:
                one.run(self._a, rows, self.result[:, rows])
            return BlockResult((), None)
        work = np.empty((len(self.chains), rows.stop - rows.start, self.shape[1]), dtype=np.int64)
        corrections = None if self._pipeline.correction_at is None else np.empty_like(work)
        if corrections is not None:
            for chain, correction in zip(self.chains, corrections, strict=True):
                correction[:] = self._correction(chain, rows)
        events = self._run_chains(rows, work)
        if any(step.trap for steps in events for step in steps):
            return BlockResult(events, None)
        lanes_isa = None if self._kernel == "reference" else self._isa
        trap = self._pipeline.run(work, rows, corrections, self._n_first, lanes_isa=lanes_isa)
        self.result[:, rows] = work[: len(self.result)]
        return BlockResult(events, trap)

    def _run_chains(self, rows: slice, out: Ints) -> tuple[tuple[_native.RawEvents, ...], ...]:
        """The values of every chain, and the events of those that are no matrix product."""
        events: list[tuple[_native.RawEvents, ...]] = [()] * len(self.chains)
        for chains, kernel in self.kernels.items():
            if isinstance(kernel, ChainKernel):
                sums = np.empty((len(chains), *out.shape[1:]), dtype=kernel.dtype)
                kernel.run(self._a, chains[0], rows, sums if len(chains) > 1 else sums[0])
                for chain, own in zip(chains, sums, strict=True):
                    out[self.chains.index(chain)] = own
            else:
                for chain in chains:
                    at = self.chains.index(chain)
                    events[at] = self._run_chain(chain, rows, out[at], kernel)
        return tuple(events)

    def _run_chain(
        self, chain: Chain, rows: slice, out: Ints, no_gemm: str
    ) -> tuple[_native.RawEvents, ...]:
        if self._kernel == "gemm":
            raise DatapathError(f"kernel='gemm': {no_gemm}, allowed: kernel='auto'")
        a, b = self._a.integers(chain.a_plane, rows, chain.ks), self._packed(chain)
        za, zb = self._zero_points(chain, rows)
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
                return run(lanes_isa=self._isa)
            except _native.NoKernelError:
                reason = self.why_not_lanes[chain] = _NO_TABLE
        if self._kernel == "lanes":
            raise DatapathError(f"kernel='lanes': {reason}, allowed: kernel='auto'")
        return run()

    def _correction(self, chain: Chain, rows: slice) -> Ints:
        return _native.zero_point_correction(
            self._a.integers(chain.a_plane, rows, chain.ks),
            self._packed(chain),
            *self._zero_points(chain, rows),
        )

    def _zero_points(self, chain: Chain, rows: slice) -> tuple[Ints | None, Ints | None]:
        """Zero points of both operands as (rows, N)."""
        shape = (rows.stop - rows.start, self.shape[1])
        za = self._a.zero_point(chain.group, rows)
        zb = self._b.zero_point(chain.group, slice(None))
        return (
            None if za is None else np.broadcast_to(za[:, None], shape),
            None if zb is None else np.broadcast_to(zb[None, :], shape),
        )

    # -- one output --------------------------------------------------------------------------

    def trace(self, m: int, n: int) -> tuple[list[ChainTrace], list[OutputRecord]]:
        """Every value on the way of one output; the output steps do not follow a trap."""
        rows, columns = slice(m, m + 1), slice(n, n + 1)
        chains, corrections = [], []
        for chain in self.chains:
            a = self._a.integers(chain.a_plane, rows, chain.ks)
            b = np.ascontiguousarray(self._packed(chain)[columns])
            za = _one_number(self._a.zero_point(chain.group, rows))
            zb = _one_number(self._b.zero_point(chain.group, columns))
            corrections.append(
                _native.zero_point_correction(a, b, np.array([[za]]), np.array([[zb]]))
            )
            za, zb = (0, 0) if self._fold else (za, zb)
            raw = self._program.trace(
                a[0],
                b[0],
                order=self._order,
                m=m,
                n=self._n_first + n,
                a_zero_point=za,
                b_zero_point=zb,
                bias=0 if self._bias is None else int(self._bias[m, n]),
            )
            chains.append(ChainTrace(chain, a[0] - za, b[0] - zb, raw))
        if any(one.raw.trapped for one in chains):
            return chains, []
        values = [one.raw.value for one in chains]
        return chains, self._pipeline.trace(values, corrections, m, n, self._n_first)


def _one_number(zero_point: Ints | None) -> int:
    return 0 if zero_point is None else int(zero_point[0])


def _row_blocks(m: int, width: int, workers: int) -> list[slice]:
    """Blocks of rows small enough for the caches, at least one a worker."""
    height = max(1, min(_BLOCK_ELEMENTS // max(width, 1), -(-m // workers)))
    return [slice(start, min(start + height, m)) for start in range(0, m, height)]
