"""Single primitives of the C library, for tests and users."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim._native.values import RawPlace, check, ffi, lib, place, pointer, set_narrow
from pyqsim.datapath import Narrow

__all__ = ["narrow_array", "philox"]

Ints = npt.NDArray[np.int64]


def narrow_array(step: Narrow, x: Ints) -> tuple[Ints, int, RawPlace | None]:
    """Run a Narrow step on a flat array: results, overflows, first trap (its n is the index)."""
    target = ffi.new("pqs_narrow *")
    set_narrow(target, step)
    out, overflows = np.empty_like(x), ffi.new("int64_t *")
    trap = ffi.new("pqs_place *")
    status = lib.pqs_narrow_array(target, x.size, pointer(x), pointer(out), overflows, trap)
    check(status)
    return out, overflows[0], place(trap)


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Philox4x32-10: four 32-bit words."""
    words = ffi.new("uint32_t[4]")
    lib.pqs_philox4x32_10(ffi.new("uint32_t[4]", counter), ffi.new("uint32_t[2]", key), words)
    return words[0], words[1], words[2], words[3]
