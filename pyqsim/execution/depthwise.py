"""Depthwise convolutions in int32 lanes: a dot product a channel, no window gathered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import Depthwise, GemmForm, NoKernelError, Windows
from pyqsim.bounds import Interval
from pyqsim.datapath import Datapath, Multiply
from pyqsim.errors import PyqsimError
from pyqsim.execution.call import Call
from pyqsim.execution.call_data import CallData
from pyqsim.execution.chain_kernel import ChainKernel, Chains, FirstOperand
from pyqsim.execution.fused import FusedCall, data_key, operand_key
from pyqsim.execution.gemm import GemmChooser
from pyqsim.execution.kept import kept
from pyqsim.execution.operand import AnyRows, Operand, Patches
from pyqsim.execution.telemetry import Chain, raise_trap

__all__ = ["ChannelPatches", "DepthwiseRunner"]

Ints = npt.NDArray[np.int64]
_ALL = slice(None)


class ChannelPatches(Patches):
    """The windows of every channel by itself: rows of taps, other ones for each column of b.

    Parameters
    ----------
    images : ndarray, (B, H, W, C)
        Padded already; channel c meets b's rows c * multiplier and on.
    windows : callable
        The `Windows` of some channels of such images.
    multiplier : int
        Output channels of one channel.
    """

    def __init__(
        self,
        images: npt.NDArray[Any],
        windows: Callable[[npt.NDArray[Any], slice], Windows],
        multiplier: int,
    ) -> None:
        super().__init__(images, windows(images, slice(0, 1)))
        self._of, self._multiplier = windows, multiplier
        self.windows = self._windows  # of all output channels, once they are prepared

    def prepare(self, a: Operand, dtype: np.dtype[Any]) -> None:
        """Lay out the integers of all output channels as a dtype that C takes."""
        images = self._images
        flat = replace(a, codes=images.reshape(-1, images.shape[3]))
        ready = flat.elements(0, _ALL, _ALL, dtype).reshape(images.shape)
        if self._multiplier > 1:
            ready = np.repeat(ready, self._multiplier, axis=3)
        self.windows = self._of(np.ascontiguousarray(ready), _ALL)


class DepthwiseRunner:
    """A datapath bound to the weights of a depthwise convolution.

    Parameters
    ----------
    datapath : Datapath
    b : Operand
        A row of taps for each output channel.
    kernel, isa : str
        Of `KERNELS` and `ISAS`.
    """

    def __init__(self, datapath: Datapath, b: Operand, *, kernel: str, isa: str) -> None:
        self.datapath, self.b, self.kernel, self.isa = datapath, b, kernel, isa
        self._chooser = GemmChooser(datapath, b, self.packed, isa)
        self._kernels: dict[GemmForm, Depthwise | None] = {}
        self._fused: dict[object, FusedCall | None] = {}

    def run(
        self, a: Operand, patches: ChannelPatches, data: CallData, threads: int | None
    ) -> tuple[npt.NDArray[Any], str] | None:
        """The integer results (M, N) and how they were made; None: not by this kernel.

        `a` says what the codes stand for.
        """
        folds = self.datapath.product == Multiply("fold")
        if a.planes > 1 or self.b.planes > 1 or (folds and self.b.has_zero_points):
            return None
        a = replace(a, codes=patches)
        fused = self._find_fused(a, data)
        kernel = None if fused is None else fused.passes[0].kernel
        if fused is not None and isinstance(kernel, _ChainDepthwise):
            patches.prepare(a, kernel.depthwise.form.a_dtype)
            return fused.run(a, threads), fused.explanation[0]
        call = _DepthwiseCall(self, a, data)
        chosen = next(iter(call.kernels.values()))
        if not isinstance(chosen, _ChainDepthwise):
            return None
        patches.prepare(a, chosen.depthwise.form.a_dtype)
        raise_trap(self.datapath, call.chains, call.run_blocks(threads))
        return call.result[0], chosen.explanation

    def _find_fused(self, a: Operand, data: CallData) -> FusedCall | None:
        """What stands for this call and all that differ from it in codes alone."""
        operand, given = operand_key(a, None), data_key(data)
        if operand is None or given is None:
            return None
        key = (operand, given)
        return kept(self._fused, key, lambda: self._fuse(a, data))

    def _fuse(self, a: Operand, data: CallData) -> FusedCall | None:
        dtype = a.codes.dtype
        limits = np.iinfo(dtype)
        whole = Interval(int(limits.min), int(limits.max))
        rows = AnyRows(self.b.codes.shape[1], dtype, whole)
        try:
            call = _DepthwiseCall(self, replace(a, codes=rows), data)
        except PyqsimError:  # the call itself will say what is wrong with these codes
            return None
        return FusedCall.of(call, f"any {dtype} codes")

    def packed(self, chain: Chain) -> Ints:
        """The integers of b for a chain."""
        return self.b.integers(chain.b_plane, _ALL, chain.ks)

    def choose(
        self, chains: Chains, a: FirstOperand, bias: Ints | None
    ) -> list[tuple[Chains, ChainKernel | str]]:
        """The kernel of the only chain, or why there is none; bias: (M, N)."""
        return [(chains, self._kernel_of(chains, a, bias))]

    def _kernel_of(self, chains: Chains, a: FirstOperand, bias: Ints | None) -> ChainKernel | str:
        found = self._chooser.find(chains, a, bias)
        if isinstance(found, str):
            return found
        for form in found.forms:
            if form not in self._kernels:
                try:
                    self._kernels[form] = Depthwise(form, self.isa, found.columns.integers)
                except NoKernelError:
                    self._kernels[form] = None
            kernel = self._kernels[form]
            if kernel is not None:
                return _ChainDepthwise(found.reason, kernel, kernel.with_bias(found.bias))
        return "it is no sum and no clamped accumulator"


@dataclass(frozen=True, eq=False)
class _ChainDepthwise(ChainKernel):
    """A chain whose a differs from column to column, and what its sums start from."""

    depthwise: Depthwise
    start: npt.NDArray[np.int32]

    @property
    def explanation(self) -> str:
        """The kernel, its instruction set and the proof."""
        return f"depthwise, {self.depthwise.name}: {self.reason}"

    @property
    def shape(self) -> tuple[int, int]:
        """(N, K)."""
        return self.depthwise.shape

    @property
    def is_ordered(self) -> bool:
        """Whether sums saturate on the way."""
        return self.depthwise.form.kind == "clamp"

    def run(self, a: Operand, chain: Chain, rows: slice, out: npt.NDArray[np.int32]) -> None:
        """The chain's values of some windows, into out."""
        del chain  # there is one
        assert isinstance(a.codes, ChannelPatches)
        self.depthwise.run(a.codes.windows, rows, out, self.start)


class _DepthwiseCall(Call):
    """One call: a's rows are windows of one channel, another one in each column."""

    def __init__(self, runner: DepthwiseRunner, a: Operand, data: CallData) -> None:
        super().__init__(
            runner.datapath,
            a,
            runner.b,
            runner.packed,
            data,
            kernel=runner.kernel,
            isa=runner.isa,
            counts=False,
            n_first=0,
            gemms=runner,
        )

    def _correction(self, chain: Chain, rows: slice) -> Ints:
        """-za * sum(b): b's zero points are 0."""
        za, sums = self._a.zero_point(chain.group, rows), self._packed(chain).sum(axis=1)
        correction = 0 if za is None else -za[0] * sums
        return np.broadcast_to(correction, (rows.stop - rows.start, len(sums)))
