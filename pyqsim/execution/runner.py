"""A datapath bound to its weights: packed once, run on many activations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.bounds import Interval
from pyqsim.datapath import Datapath, Lookup
from pyqsim.errors import PyqsimError
from pyqsim.events import Events
from pyqsim.execution.bits import bits_of_dtype
from pyqsim.execution.call import Call
from pyqsim.execution.call_data import CallData, interval_of
from pyqsim.execution.chain_kernel import FirstOperand
from pyqsim.execution.direct import DirectGemm
from pyqsim.execution.doors import check_call, explicit_order
from pyqsim.execution.fused import FusedCall, data_key, operand_key
from pyqsim.execution.gemm import ELEMENTS, ChainGemm, GemmChooser
from pyqsim.execution.kept import KEPT, kept
from pyqsim.execution.operand import AnyRows, Operand
from pyqsim.execution.telemetry import Chain, collect_events, raise_trap
from pyqsim.execution.tracing import ChainTrace, OutputRecord

__all__ = ["Runner"]

Ints = npt.NDArray[np.int64]


#: Products from which a saturating sum is worth a look at its operands: they may prove it exact.
_LONG_SUM = 1 << 20


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
        self._packed: dict[tuple[int, int, int, int], Ints] = {}
        self._direct: dict[np.dtype[Any], DirectGemm | None] = {}
        self._for_all: dict[np.dtype[Any], DirectGemm] = {}
        self._within: dict[tuple[np.dtype[Any], Interval], DirectGemm | None] = {}
        self._asked: set[object] = set()
        self._fused: dict[object, FusedCall | None] = {}
        self._gemms = GemmChooser(datapath, self.b, self.packed, isa)
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
        events: bool = True,
        counts: bool = False,
        n_first: int = 0,
    ) -> tuple[npt.NDArray[Any], Events | None]:
        """The integer results, and the events where asked for (without counts unless asked for).

        `n_first` is the number of b's first column in the whole, for places and random numbers.
        """
        a = self._first_of_product(a)
        if not events and self.kernel in ("auto", "gemm"):
            fused = self._find_fused(a, data)
            if fused is not None:
                self._explanation = fused.explanation
                return fused.run(a, threads), None
        call = self._call(a, data, counts, n_first, events)
        results = call.run_blocks(threads)
        self._explanation = call.explanation()
        raise_trap(self.datapath, call.chains, results)
        found = collect_events(self.datapath, call.chains, results, call.counts) if events else None
        return call.result.reshape((*call.leading, *call.shape)), found

    def trace(
        self, a: Operand, data: CallData, m: int, n: int
    ) -> tuple[list[ChainTrace], list[OutputRecord]]:
        """Every value on the way of one output."""
        return self._call(a, data, counts=False, n_first=0).trace(m, n)

    def _call(
        self, a: Operand, data: CallData, counts: bool, n_first: int, events: bool = True
    ) -> Call:
        return Call(
            self.datapath,
            self._first_of_product(a),
            self.b,
            self.packed,
            data,
            kernel=self.kernel,
            isa=self.isa,
            counts=counts,
            n_first=n_first,
            gemms=None if events else self._gemms,
        )

    def _find_fused(self, a: Operand, data: CallData) -> FusedCall | None:
        """What stands for this call and all that differ from it in codes alone."""
        fused = self._fused_within(a, data, None)
        if fused is None or a.codes.size * self.shape[1] <= _LONG_SUM or not fused.is_ordered:
            return fused
        return self._fused_within(a, data, a.code_interval(slice(None)))

    def _fused_within(self, a: Operand, data: CallData, codes: Interval | None) -> FusedCall | None:
        """`FusedCall` of codes in an interval, or of any; made when it is asked for again."""
        operand, given = operand_key(a, codes), data_key(data)
        if operand is None or given is None or a.codes.shape[1] != self.shape[0]:
            return None
        key = (operand, given)
        if key not in self._asked:
            if len(self._asked) >= KEPT:
                self._asked.clear()
                self._fused.clear()
            self._asked.add(key)
            return None
        return kept(self._fused, key, lambda: self._fuse(a, data, codes))

    def _fuse(self, a: Operand, data: CallData, codes: Interval | None) -> FusedCall | None:
        dtype = a.codes.dtype
        limits, what = np.iinfo(dtype), f"any {dtype} codes"
        whole = Interval(int(limits.min), int(limits.max))
        if codes is not None:
            what = f"{dtype} codes within {codes.low}..{codes.high}"
        rows = AnyRows(self.shape[0], dtype, codes or whole)
        try:
            call = self._call(replace(a, codes=rows), data, False, 0, False)
        except PyqsimError:  # the call itself will say what is wrong with these codes
            return None
        return FusedCall.of(call, what)

    def _first_of_product(self, a: Operand) -> Operand:
        return a.patterns() if isinstance(self.datapath.product, Lookup) else a

    def explain(self) -> str:
        """Which kernel ran the chains of the last call, and why."""
        k, n = self.shape
        ran = self._explanation or ("not run yet: the choice needs the activations' extremes",)
        return "\n".join((f"K={k}, N={n}, kernel={self.kernel!r}, isa={self.isa!r}", *ran))

    def run_direct(
        self, a: npt.NDArray[Any], out: Any, threads: int | None
    ) -> npt.NDArray[np.signedinteger[Any]] | None:
        """The result by the short way; None: the call needs the long one."""
        direct = self._for_all.get(a.dtype) or self._direct_for(a)
        if direct is None:
            return None
        self._explanation = direct.explanation
        return direct.run(a, out, threads)

    def _direct_for(self, a: npt.NDArray[Any]) -> DirectGemm | None:
        """What stands for all arrays of a's dtype, or for those within its bounds if it differs."""
        dtype = a.dtype
        if dtype not in self._direct:
            direct = self._direct[dtype] = self._find_direct(dtype)
            if direct is not None and not direct.gemm.is_ordered:
                self._for_all[dtype] = direct
        direct = self._direct[dtype]
        if direct is None:
            # a table of products may have no entry for all that a dtype holds
            narrow = isinstance(self.datapath.product, Lookup) and dtype in ELEMENTS
        else:
            narrow = direct.gemm.is_ordered and a.size * self.shape[1] > _LONG_SUM
        return self._find_within(a) if narrow else direct

    def _find_within(self, a: npt.NDArray[Any]) -> DirectGemm | None:
        """The product that stands for arrays whose integers are no wider spread than these."""
        interval = interval_of(a)
        key = (a.dtype, interval)
        return kept(self._within, key, lambda: self._find_direct(a.dtype, interval))

    def _find_direct(
        self, dtype: np.dtype[Any], interval: Interval | None = None
    ) -> DirectGemm | None:
        """The product that stands for arrays of a dtype, their integers in an interval if given."""
        datapath, (k, _) = self.datapath, self.shape
        if (
            self.kernel not in ("auto", "gemm")
            or dtype not in ELEMENTS
            or datapath.output
            or datapath.reads_bias
            or self.b.planes > 1
            or self.b.group is not None
            or not _orders(datapath, k)
        ):
            return None
        limits, what = np.iinfo(dtype), f"any {dtype} array"
        if interval is not None:
            what = f"{dtype} arrays within {interval.low}..{interval.high}"
        interval = interval or Interval(int(limits.min), int(limits.max))
        if not self._passes(dtype, interval):
            return None
        chain = Chain(0, 0, 0, 0, k)
        a = FirstOperand(interval, dtype, bits=lambda: bits_of_dtype(dtype))
        ((_, found),) = self._gemms.choose((chain,), a, None)
        if not isinstance(found, ChainGemm):
            return None
        return DirectGemm(
            found.gemm, (f"{what}: {found.explanation}",), np.dtype(datapath.result_dtype)
        )

    def _passes(self, dtype: np.dtype[Any], interval: Interval) -> bool:
        """Whether the doors let every such array pass; the long way says why not."""
        a = Operand(AnyRows(self.shape[0], dtype, interval))
        try:
            check_call(self.datapath, a, self.b, CallData(), explicit_order(self.datapath))
        except PyqsimError:
            return False
        return True

    def packed(self, chain: Chain) -> Ints:
        """The integers of b for a chain, unpacked once."""
        key = (chain.b_plane, chain.group, chain.k_first, chain.k_stop)  # a may bring groups
        if key not in self._packed:
            self._packed[key] = self.b.integers(chain.b_plane, slice(None), chain.ks)
        return self._packed[key]


def _orders(datapath: Datapath, k: int) -> bool:
    """Whether the datapath's order, if it has one, is a sequence of k, with holes or without."""
    order = datapath.order
    return order is None or sum(isinstance(one, int) and one >= 0 for one in order) == k
