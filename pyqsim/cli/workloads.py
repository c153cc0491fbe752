"""Typical datapaths with operands to run them on, for measurements of speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import Accumulate, Datapath, Lookup, Merge, Narrow, Shift, Table
from pyqsim.formats import Affine, APoT, Binary, Format, LogQuant, PiecewiseLinear
from pyqsim.modes import SATURATE, WRAP
from pyqsim.tensor import QTensor

__all__ = ["WORKLOADS", "Workload"]

Operand = npt.NDArray[Any] | QTensor


@dataclass(frozen=True, slots=True)
class Workload:
    """A datapath, and what its operands look like.

    Attributes
    ----------
    name : str
    datapath : Datapath
    activations, weights : Format or None
        None: arrays of uint8, and of int8.
    """

    name: str
    datapath: Datapath
    activations: Format | None = None
    weights: Format | None = None

    def operands(self, m: int, n: int, k: int) -> tuple[Operand, Operand]:
        """Random codes over the full range, the same ones at every call.

        Returns
        -------
        (M, K) and (K, N)
        """
        rng = np.random.default_rng((m, n, k))
        a = _drawn(rng, self.activations, (m, k), np.uint8)
        b = _drawn(rng, self.weights, (k, n), np.int8)
        return a, b

    def products(self, m: int, n: int, k: int) -> int:
        """Multiply-accumulates of a call; each plane has its own."""
        a, b = (1 if fmt is None else fmt.planes for fmt in (self.activations, self.weights))
        return m * n * k * a * b


def _drawn(
    rng: np.random.Generator,
    fmt: Format | None,
    shape: tuple[int, int],
    plain: type[np.integer[Any]],
) -> Operand:
    if fmt is None:
        limits = np.iinfo(plain)
        return rng.integers(limits.min, limits.max, shape, endpoint=True).astype(plain)
    return QTensor(rng.integers(fmt.code_min, fmt.code_max, shape, endpoint=True), fmt)


def _saturating(bits: int) -> Datapath:
    return Datapath(reduce=(Accumulate(bits, SATURATE),))


def _truncated_products() -> Lookup:
    """Of 8-bit and 4-bit codes, four bits of every product lost: an approximate multiplier."""
    codes = np.arange(16)
    weights = np.where(codes < 8, codes, codes - 16)
    return Lookup(Table(np.outer(np.arange(256), weights) >> 4 << 4))


_WRAPPING_16 = Datapath(reduce=(Accumulate(16, WRAP),))
_LOG = LogQuant(3, signed=True)
_PAIRS = (Accumulate(16, SATURATE, group=2), Accumulate(32, WRAP))
_TREE = (Accumulate(group=16), Accumulate(20, SATURATE))

WORKLOADS = (
    Workload("int8, 32-bit wrapping", Datapath(reduce=(Accumulate(32, WRAP),))),
    Workload("int8, 24-bit saturating", _saturating(24)),
    Workload("int8, 20-bit saturating", _saturating(20)),
    Workload("int8, 16-bit saturating", _saturating(16)),
    Workload("int8, tree of 16, 20-bit saturating", Datapath(reduce=_TREE)),
    Workload("int8, saturating pairs (VPMADDUBSW)", Datapath(reduce=_PAIRS)),
    Workload("int8, 4 bits of products lost", Datapath(reduce=(Narrow(4), Accumulate(32, WRAP)))),
    Workload("log2 4-bit, exact shift", Datapath(product=Shift()), weights=_LOG),
    Workload("log2 4-bit, truncating shift", Datapath(product=Shift(drop=7)), weights=_LOG),
    Workload("APoT 5-bit, exact shifts", Datapath(product=Shift()), weights=APoT(5)),
    Workload(
        "PWLQ 8-bit, 3 accumulators merged",
        Datapath(reduce=(Accumulate(32, WRAP),), output=(Merge(48, SATURATE),)),
        weights=PiecewiseLinear(8),
    ),
    Workload("int4, table of products", Datapath(product=_truncated_products()), None, Affine(4)),
    Workload(
        "binary, 16-bit wrapping", Datapath(reduce=(Accumulate(16, WRAP),)), Binary(), Binary()
    ),
)
