"""Chains that one kernel computes in one pass over their plane of a."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.execution.chain_kernel import ChainKernel, Chains
from pyqsim.execution.operand import Operand
from pyqsim.execution.telemetry import Chain

__all__ = ["Pass", "name_of", "passes_of"]


@dataclass(frozen=True, eq=False, slots=True)
class Pass:
    """Some of a call's chains, and the kernel that computes them together.

    Attributes
    ----------
    kernel : ChainKernel
    chain : Chain
        One of them, for what they have in common.
    places : tuple of int
        Of all of them among the call's.
    """

    kernel: ChainKernel
    chain: Chain
    places: tuple[int, ...]

    def run(self, a: Operand, rows: slice, sums: npt.NDArray[Any]) -> None:
        """The values of some rows of a into sums, (the call's chains, m, N), at their places."""
        first, count = self.places[0], len(self.places)
        if count == 1:
            self.kernel.run(a, self.chain, rows, sums[first])
            return
        step = self.places[1] - first
        if self.places == tuple(range(first, first + count * step, step)):
            self.kernel.run(a, self.chain, rows, sums[first : self.places[-1] + 1 : step])
            return
        own = np.empty((count, *sums.shape[1:]), dtype=sums.dtype)
        self.kernel.run(a, self.chain, rows, own)
        sums[list(self.places)] = own


def passes_of(
    chains: Sequence[Chain], kernels: dict[Chains, ChainKernel | str]
) -> tuple[Pass, ...] | None:
    """One pass a kernel; None: some chains have none, or their sums are of two types."""
    passes = []
    for together, kernel in kernels.items():
        if not isinstance(kernel, ChainKernel):
            return None
        passes.append(Pass(kernel, together[0], tuple(chains.index(one) for one in together)))
    return tuple(passes) if len({one.kernel.dtype for one in passes}) == 1 else None


def name_of(chains: Chains) -> str:
    """Which chains, as `explain` names them."""
    planes = ", ".join(f"({chain.a_plane}, {chain.b_plane})" for chain in chains)
    pass_ = ", in one pass over a" if len(chains) > 1 else ""
    return f"planes {planes}, group {chains[0].group}{pass_}"
