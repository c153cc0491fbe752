"""Output steps in int32 lanes added what rounds a shift by 62 as signed numbers.

A table that rounds every even quotient of positive numbers and every odd one of negative numbers up
needs 2**62 for both, and so 2**63 more where a number is both. Sums of addends are mod 2**64: right
on every machine, and undefined behaviour in C, which a sanitizer stopped.
"""

import numpy as np

import pyqsim as qs
from pyqsim._native import Int32Program, OutputOp
from pyqsim.modes import Rounding

UP_EVEN_POSITIVE_AND_ODD_NEGATIVE = Rounding(0xF00F)


def test_shift_by_62(isa: str) -> None:
    step = qs.Narrow(shift=62, rounding=UP_EVEN_POSITIVE_AND_ODD_NEGATIVE, bits=None)
    values = np.array([[-(2**31), -1, 0, 5, 2**31 - 1]], dtype=np.int32)
    Int32Program((OutputOp("narrow", 0, narrow=step),), isa, values.shape).run(values)
    assert values.tolist() == [[0, 0, 1, 1, 1]]
