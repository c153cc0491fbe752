"""Matrix products in int64 lanes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim._native.values import ISA_NAMES, ISA_NUMBERS, check, ffi, lib, pointer

__all__ = ["Wide", "WideForm"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class WideForm:
    """What int64 lanes compute, k ascending; int32 holds a and b.

    Attributes
    ----------
    group : int
        Products between clamps to minimum..maximum; 0: one sum mod 2**bits.
    minimum, maximum : int
    bits, signed
        Of that sum's register.
    """

    group: int = 0
    minimum: int = 0
    maximum: int = 0
    bits: int = 64
    signed: bool = True


class Wide:
    """A matrix product in int64 lanes: b packed once, run on many rows of a.

    Parameters
    ----------
    form : WideForm
    isa : str
    b : ndarray of int64, (N, K), C-contiguous
        Its integers, zero points subtracted.
    """

    def __init__(self, form: WideForm, isa: str, b: Ints) -> None:
        n, k = b.shape
        self.form, self.shape = form, (n, k)
        self._plan = ffi.new("pqs_wide_plan *")
        self._plan.isa, self._plan.n, self._plan.k = ISA_NUMBERS[isa], n, k
        self._plan.group, self._plan.bits = form.group, form.bits
        self._plan.minimum, self._plan.maximum = form.minimum, form.maximum
        self._plan.is_signed = form.signed
        self.isa = ISA_NAMES[lib.pqs_wide_isa(self._plan)]
        sizes = ffi.new("size_t[2]")
        lib.pqs_wide_sizes(self._plan, sizes, sizes + 1)
        self._panels = np.empty(sizes[0], dtype=np.int64)
        self._starts = sizes[1]
        check(lib.pqs_wide_pack(self._plan, pointer(b), k, pointer(self._panels)))

    @property
    def name(self) -> str:
        """The form and its instruction set."""
        what = "sum" if not self.form.group else "clamp"
        return f"wide {what} on {self.isa}"

    def start(self, bias: Ints | None) -> Ints:
        """What the sums start from, with a bias of each column or without."""
        start = np.zeros(self._starts, dtype=np.int64)
        if bias is not None:
            start[: self.shape[0]] = bias
        return start

    def run(self, a: Ints, out: Ints, start: Ints) -> None:
        """Run rows of a, (m, K), zero points subtracted, into out, (m, N); both C-contiguous."""
        n, k = self.shape
        check(
            lib.pqs_wide_run(
                self._plan, pointer(self._panels), pointer(start),
                len(a), pointer(a), k, pointer(out), n,
            )
        )  # fmt: skip
