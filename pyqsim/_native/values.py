"""Arrays to pointers, values to structs, status to exception."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyqsim._libpyqsim import ffi, lib
from pyqsim.datapath import Narrow, Register
from pyqsim.errors import DatapathError
from pyqsim.modes import OverflowRule, Rounding

__all__ = [
    "ELEMENTS",
    "ISAS",
    "ISA_NAMES",
    "ISA_NUMBERS",
    "NoKernelError",
    "RawPlace",
    "check",
    "compiler",
    "ffi",
    "isa_available",
    "lib",
    "optional_values",
    "place",
    "pointer",
    "set_narrow",
    "set_register",
    "set_rounding",
    "set_values",
]

Ints = npt.NDArray[np.int64]

for _rule in OverflowRule:
    if getattr(lib, f"PQS_OVERFLOW_{_rule.name}") != _rule:
        raise ImportError(f"pyqsim: the C library was built for another version ({_rule!r})")

ISA_NUMBERS = {
    "auto": lib.PQS_ISA_AUTO,
    "portable": lib.PQS_ISA_PORTABLE,
    "neon": lib.PQS_ISA_NEON,
    "dotprod": lib.PQS_ISA_DOTPROD,
    "avx2": lib.PQS_ISA_AVX2,
    "avxvnni": lib.PQS_ISA_AVXVNNI,
    "avx512bw": lib.PQS_ISA_AVX512BW,
    "avx512vnni": lib.PQS_ISA_AVX512VNNI,
    "avx512vbmi": lib.PQS_ISA_AVX512VBMI,
    "avx512vpopcntdq": lib.PQS_ISA_AVX512VPOPCNTDQ,
}

#: Names of the instruction sets; "auto" is the best that the CPU has.
ISAS = tuple(ISA_NUMBERS)

ISA_NAMES = {number: name for name, number in ISA_NUMBERS.items()}

ELEMENTS = {
    np.dtype(np.uint8): lib.PQS_ELEMENT_UINT8,
    np.dtype(np.int8): lib.PQS_ELEMENT_INT8,
    np.dtype(np.int16): lib.PQS_ELEMENT_INT16,
}


class NoKernelError(Exception):
    """The fast kernel cannot do this call; the reference can."""


@dataclass(frozen=True, slots=True, order=True)
class RawPlace:
    """A place inside one chain, ordered as events are."""

    m: int
    n: int
    position: int
    k: int


def pointer(array: npt.NDArray[np.generic] | None, ctype: str = "int64_t *"):
    """Address of the first element; the caller keeps the array alive."""
    if array is None:
        return ffi.NULL
    try:
        return ffi.cast(ctype, ffi.from_buffer(array))  # a sixth of the time of the other way
    except ValueError:  # not C-contiguous
        return ffi.cast(ctype, array.ctypes.data)


def set_values(target, array: Ints | None) -> None:
    """Point a pqs_values at an (M, N) or (chains, M, N) array, broadcast or not."""
    if array is None:
        return
    strides = [stride // 8 for stride in array.strides]
    target.at = pointer(array)
    target.m_stride, target.n_stride = strides[-2:]
    target.chain_stride = strides[0] if array.ndim == 3 else 0


def optional_values(array: Ints | None):
    if array is None:
        return ffi.NULL
    target = ffi.new("pqs_values *")
    set_values(target, array)
    return target


def set_register(target, register: Register) -> None:
    target.bits = register.bits or 0
    target.overflow = register.overflow.rule
    target.saturated_bits = register.overflow.saturated_bits
    target.is_signed = register.signed


def set_rounding(target, rounding: Rounding) -> None:
    target.table = rounding.table
    target.stochastic = rounding.stochastic
    target.random_bits = 64 if rounding.random_bits is None else rounding.random_bits
    target.seed = rounding.seed or 0


def set_narrow(target, step: Narrow) -> None:
    target.multiplier, target.divisor = step.multiplier, step.divisor
    target.shift = step.exact_shift
    set_rounding(target.rounding, step.rounding)
    set_register(target.range, step.register)


def check(status: int) -> None:
    if status not in (lib.PQS_OK, lib.PQS_TRAPPED):
        raise DatapathError(ffi.string(lib.pqs_status_string(status)).decode())


def place(place) -> RawPlace | None:
    if not place.found:
        return None
    return RawPlace(place.m, place.n, place.position, place.k)


def compiler() -> str:
    """Name and version of the compiler that built the C library."""
    return ffi.string(lib.pqs_compiler()).decode()


def isa_available(isa: str) -> bool:
    """Whether this CPU runs an instruction set."""
    return bool(lib.pqs_isa_available(ISA_NUMBERS[isa]))
