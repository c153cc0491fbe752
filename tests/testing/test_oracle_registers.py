"""The oracle's overflow rules against UG1399's examples and hand-written bit patterns."""

from __future__ import annotations

import pytest

from pyqsim.datapath import Narrow, Register
from pyqsim.errors import OverflowTrap
from pyqsim.modes import (
    SATURATE,
    SATURATE_HOLD,
    SATURATE_SYMMETRIC,
    SATURATE_ZERO,
    SIGN_MAGNITUDE_WRAP,
    TRAP,
    WRAP,
    WRAP_SATURATED_BITS,
)
from pyqsim.testing.oracle import apply_register, narrow


@pytest.mark.parametrize(
    ("overflow", "signed", "value", "expected"),
    [  # UG1399 "Overflow Modes": ap_fixed<4, 4> and ap_ufixed<4, 4>
        (SATURATE, True, 19, 7),
        (SATURATE, True, -19, -8),
        (SATURATE, False, 19, 15),
        (SATURATE, False, -19, 0),
        (SATURATE_ZERO, True, 19, 0),
        (SATURATE_ZERO, True, -19, 0),
        (SATURATE_ZERO, False, 19, 0),
        (SATURATE_ZERO, False, -19, 0),
        (SATURATE_SYMMETRIC, True, 19, 7),
        (SATURATE_SYMMETRIC, True, -19, -7),
        (WRAP, True, 31, -1),
        (WRAP, True, -19, -3),
        (WRAP, False, 19, 3),
        (WRAP, False, -19, 13),
        (SIGN_MAGNITUDE_WRAP(0), True, 19, -4),
        (SIGN_MAGNITUDE_WRAP(0), True, -19, 2),
        # By hand from UG1399. 19 = 010011, 20 = 010100, 23 = 010111, 27 = 011011,
        # -19 = 101101, -23 = 101001, -27 = 100101; the register is the low 4 bits.
        (WRAP_SATURATED_BITS(1), True, 19, 0b0011),
        (WRAP_SATURATED_BITS(1), True, -19, 0b1101 - 16),
        (WRAP_SATURATED_BITS(2), True, 19, 0b0111),
        (WRAP_SATURATED_BITS(2), True, 20, 0b0100),
        (WRAP_SATURATED_BITS(2), True, -19, 0b1001 - 16),
        (WRAP_SATURATED_BITS(3), True, 20, 0b0110),
        (WRAP_SATURATED_BITS(3), True, -19, 0b1001 - 16),
        (WRAP_SATURATED_BITS(4), True, 20, 0b0111),
        (WRAP_SATURATED_BITS(4), True, -19, 0b1000 - 16),
        (WRAP_SATURATED_BITS(1), False, 19, 0b1011),
        (WRAP_SATURATED_BITS(1), False, -19, 0b1101),
        (WRAP_SATURATED_BITS(3), False, 20, 0b1110),
        (WRAP_SATURATED_BITS(3), False, -23, 0b1111),
        (SIGN_MAGNITUDE_WRAP(1), True, 19, 0b0011),  # bit 3 = 0 = sign: kept
        (SIGN_MAGNITUDE_WRAP(1), True, 27, 0b0100),  # bit 3 = 1: 011 inverted
        (SIGN_MAGNITUDE_WRAP(1), True, -19, 0b1101 - 16),
        (SIGN_MAGNITUDE_WRAP(1), True, -27, 0b1010 - 16),
        (SIGN_MAGNITUDE_WRAP(2), True, 19, 0b0100),  # bit 2 = 0 = sign: 11 inverted
        (SIGN_MAGNITUDE_WRAP(2), True, 23, 0b0111),
        (SIGN_MAGNITUDE_WRAP(2), True, -19, 0b1010 - 16),
        (SIGN_MAGNITUDE_WRAP(2), True, -23, 0b1001 - 16),
        (SIGN_MAGNITUDE_WRAP(4), True, 19, 0b0111),
        (SATURATE_HOLD, True, 19, 7),
        (SATURATE_HOLD, True, -19, -8),
    ],
)
def test_four_bits(overflow, signed, value, expected):
    assert apply_register(value, Register(4, overflow, signed)) == (expected, True)


ALL = [
    WRAP,
    SATURATE,
    SATURATE_HOLD,
    SATURATE_ZERO,
    TRAP,
    WRAP_SATURATED_BITS(2),
    SIGN_MAGNITUDE_WRAP(0),
    SIGN_MAGNITUDE_WRAP(2),
]


@pytest.mark.parametrize("overflow", ALL)
def test_values_in_range_are_never_changed(overflow):
    for value in range(-8, 8):
        assert apply_register(value, Register(4, overflow)) == (value, False)
    for bits in (2, 64):
        for value in (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1):
            assert apply_register(value, Register(bits, overflow)) == (value, False)
            outside = value + (1 if value > 0 else -1)
            assert apply_register(outside, Register(bits, overflow))[1]


def test_symmetric_saturation_excludes_the_minimum():
    register = Register(4, SATURATE_SYMMETRIC)
    assert apply_register(-7, register) == (-7, False)
    assert apply_register(-8, register) == (-7, True)


def test_unsigned_ranges():
    assert apply_register(15, Register(4, SATURATE, signed=False)) == (15, False)
    assert apply_register(-1, Register(1, WRAP, signed=False)) == (1, True)
    assert apply_register(2**63, Register(63, SATURATE, signed=False)) == (2**63 - 1, True)


def test_exact_register_holds_everything():
    assert apply_register(10**30, Register()) == (10**30, False)


def test_sign_magnitude_reads_the_floor_of_the_unrounded_value():
    # 31/2 = 15.5, half up 16 = 10000: floor 15 = 01111 has bit 4 = 0 = bit 3 of 16, so 0|000.
    # With the bit of 16 itself it would be 1|111 = -1.
    step = Narrow(shift=1, rounding="half_up", bits=4, overflow=SIGN_MAGNITUDE_WRAP(0))
    assert narrow(31, step) == 0
    # 32/2 = 16 exactly: bit 4 = 1, so 1|111
    assert narrow(32, step) == -1


def test_wrap_is_two_complement_of_any_size():
    for value in range(-70, 71):
        assert apply_register(value, Register(5, WRAP))[0] == (value + 16) % 32 - 16


def test_trap_in_a_scalar_narrow():
    with pytest.raises(OverflowTrap) as caught:
        narrow(8, Narrow(bits=4, overflow=TRAP))
    assert caught.value.place == (0, 0, 0, -1)
    assert narrow(7, Narrow(bits=4, overflow=TRAP)) == 7
