"""Depthwise convolutions in int32 lanes: a dot product a channel, no window gathered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import BitCodes, Depthwise, GemmForm, NoKernelError, Windows
from pyqsim.bounds import Interval
from pyqsim.datapath import Datapath, Multiply
from pyqsim.execution.call import Call
from pyqsim.execution.call_data import CallData
from pyqsim.execution.gemm import ChainKernel, GemmChooser
from pyqsim.execution.operand import Operand, Patches
from pyqsim.execution.telemetry import Chain, raise_trap

__all__ = ["DepthwiseImages", "DepthwiseRunner"]

Ints = npt.NDArray[np.int64]
_ALL = slice(None)


@dataclass(frozen=True, eq=False)
class DepthwiseImages:
    """Images (B, H, W, C), padded already, whose channel c meets b's rows c * multiplier and on.

    Attributes
    ----------
    codes : ndarray, (B, H, W, C)
    windows : callable
        The `Windows` of some channels of such images.
    multiplier : int
        Output channels of one channel.
    """

    codes: npt.NDArray[Any]
    windows: Callable[[npt.NDArray[Any], slice], Windows]
    multiplier: int

    def elements(self, a: Operand, dtype: np.dtype[Any]) -> Windows:
        """The windows of all output channels, of images of a dtype that C takes."""
        flat = replace(a, codes=self.codes.reshape(-1, self.codes.shape[3]))
        ready = flat.elements(0, _ALL, _ALL, dtype).reshape(self.codes.shape)
        if self.multiplier > 1:
            ready = np.repeat(ready, self.multiplier, axis=3)
        return self.windows(np.ascontiguousarray(ready), _ALL)


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

    def run(
        self, pixels: Operand, images: DepthwiseImages, data: CallData, threads: int | None
    ) -> tuple[npt.NDArray[Any], str] | None:
        """The integer results (M, N) and how they were made; None: not by this kernel.

        `pixels` says what the images' codes stand for.
        """
        folds = self.datapath.product == Multiply("fold")
        if pixels.planes > 1 or self.b.planes > 1 or (folds and self.b.has_zero_points):
            return None
        taps = Patches(images.codes, images.windows(images.codes, slice(0, 1)))
        call = _DepthwiseCall(self, replace(pixels, codes=taps), images, data)
        kernel = call.gemms[call.chains[0]]
        if isinstance(kernel, str):
            return None
        raise_trap(self.datapath, call.chains, call.run_blocks(threads))
        return call.result[0], kernel.explanation

    def packed(self, chain: Chain) -> Ints:
        """The integers of b for a chain."""
        return self.b.integers(chain.b_plane, _ALL, chain.ks)

    def choose(
        self,
        chain: Chain,
        a: Interval,
        dtype: np.dtype[Any] | None,
        a_zero_point: Ints | None,
        bias: Ints | None,
    ) -> tuple[Depthwise, npt.NDArray[np.int32], str] | str:
        """The kernel, what its sums start from, and why it may; arguments as of `GemmChooser`."""
        found = self._chooser.find(chain, a, dtype, a_zero_point, bias)
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
                return kernel, kernel.with_bias(found.bias), found.reason
        return "it is no sum and no clamped accumulator"


@dataclass(frozen=True, eq=False)
class _ChainDepthwise(ChainKernel):
    """A chain whose a differs from column to column: windows of that column's channel."""

    kernel: Depthwise
    windows: Windows
    start: npt.NDArray[np.int32]

    @property
    def explanation(self) -> str:
        """The kernel, its instruction set and the proof."""
        return f"depthwise, {self.kernel.name}: {self.reason}"

    def run(self, a: Operand, chain: Chain, rows: slice, out: npt.NDArray[np.int32]) -> None:
        """Windows rows.start..rows.stop-1."""
        del a, chain  # the windows are of its images
        self.kernel.run(self.windows, rows, out, self.start)


@dataclass(frozen=True, eq=False)
class _Choice:
    """`ChainSums` of one call's images."""

    runner: DepthwiseRunner
    a: Operand
    images: DepthwiseImages

    def choose(
        self,
        chain: Chain,
        a: Interval,
        dtype: np.dtype[Any] | None,
        a_zero_point: Ints | None,
        bias: Ints | None,
        a_shifts: bool = False,
        a_patterns: Ints | None = None,
        a_bits: Callable[[], BitCodes | None] | None = None,
    ) -> ChainKernel | str:
        del a_shifts, a_patterns, a_bits  # exact products alone
        found = self.runner.choose(chain, a, dtype, a_zero_point, bias)
        if isinstance(found, str):
            return found
        kernel, start, reason = found
        windows = self.images.elements(self.a, kernel.form.a_dtype)
        return _ChainDepthwise(reason, kernel, windows, start)


class _DepthwiseCall(Call):
    """One call: a's rows are windows of one channel, another one in each column."""

    def __init__(
        self, runner: DepthwiseRunner, a: Operand, images: DepthwiseImages, data: CallData
    ) -> None:
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
            gemms=_Choice(runner, a, images),
        )

    def _correction(self, chain: Chain, rows: slice) -> Ints:
        """-za * sum(b): b's zero points are 0."""
        za = self._a.zero_point(chain.group, rows)
        sums = self._packed(chain).sum(axis=1)
        return np.broadcast_to(
            0 if za is None else -za[0] * sums, (rows.stop - rows.start, len(sums))
        )
