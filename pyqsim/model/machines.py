"""Families of datapaths: one machine, completed for whatever format the weights have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pyqsim.datapath import (
    Accumulate,
    Datapath,
    Multiply,
    Narrow,
    OutputStep,
    Product,
    ReduceStep,
    Shift,
)
from pyqsim.formats import Format
from pyqsim.modes import FLOOR, SATURATE, WRAP

__all__ = ["MACHINES", "Machine"]


@dataclass(frozen=True, slots=True)
class Machine:
    """What a piece of hardware does to a dot product, whatever format its weights have.

    Formats with shifts are shifted, all others multiplied.

    Parameters
    ----------
    name : str
    reduce : tuple of Narrow and Accumulate
        Must leave one value for every K.
    zero_points : {"subtract", "fold"}
        Of a `Multiply` product.
    truncates : bool
        Every term loses its lowest `dropped_bits` bits (FLOOR), as where a shifter computes
        ``x >> e`` and never keeps what falls out on the right.

    Examples
    --------
    >>> import pyqsim as qs
    >>> shifter = Machine("shifter", (qs.Accumulate(20, "saturate"),), truncates=True)
    >>> shifter.datapath(qs.LogQuant(3, signed=True)).product
    Shift(drop=7, rounding=FLOOR, sign='after', per='term')
    """

    name: str
    reduce: tuple[ReduceStep, ...] = (Accumulate(),)
    zero_points: Literal["subtract", "fold"] = "subtract"
    truncates: bool = False

    def dropped_bits(self, weight_format: Format) -> int:
        """Bits that every term loses: a term stands for ``2**dropped_bits`` times its integer.

        0 where the machine does not truncate. Else, for a format with shifts, its `frac_bits`: a
        weight of ``2**-e`` is ``x >> e`` on activations that have no bits after the point. For all
        others half the bits of a weight: 4 of an 8-bit one, 2 of a 4-bit one.
        """
        if not self.truncates:
            return 0
        return weight_format.frac_bits if weight_format.shifts else weight_format.code_bits // 2

    def datapath(self, weight_format: Format, output: tuple[OutputStep, ...] = ()) -> Datapath:
        """Complete the machine for a format of weights and the output steps of a layer."""
        drop = self.dropped_bits(weight_format)
        if weight_format.shifts:
            return Datapath(Shift(drop), self.reduce, output)
        product: Product = Multiply(self.zero_points)
        truncate = (Narrow(shift=drop, rounding=FLOOR),) if drop else ()
        return Datapath(product, (*truncate, *self.reduce), output)


#: The machines that `pyqsim demo` compares.
#:
#: * 16-bit accumulators, saturating or wrapping at every addition;
#: * an adder tree over 16 terms without overflow, its results summed in 20 saturating bits;
#: * x86's VPMADDUBSW (raw u8 x s8 products, each pair summed in 16 saturating bits), VPMADDWD by
#:   ones and VPADDD;
#: * every term truncated before an exact sum, see `Machine.dropped_bits`.
MACHINES = (
    Machine("exact"),
    Machine("16-bit saturating", (Accumulate(16, SATURATE),)),
    Machine("16-bit wrapping", (Accumulate(16, WRAP),)),
    Machine("tree of 16, 20-bit saturating", (Accumulate(group=16), Accumulate(20, SATURATE))),
    Machine(
        "VPMADDUBSW pairs",
        (Accumulate(16, SATURATE, group=2), Accumulate(32, WRAP)),
        zero_points="fold",
    ),
    Machine("truncating shift", truncates=True),
)
