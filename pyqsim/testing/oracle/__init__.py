"""The witness in plain Python integers: written from the prose, obvious rather than fast.

It shares no arithmetic with the rest of the package: it reads the value classes (datapaths, rules,
events) and nothing else. Where it differs from another witness, one of the two misread the prose.
"""

from pyqsim.testing.oracle.calls import matmul
from pyqsim.testing.oracle.narrowing import narrow
from pyqsim.testing.oracle.philox import philox4x32_10
from pyqsim.testing.oracle.registers import apply_register
from pyqsim.testing.oracle.rounding import round_quotient
from pyqsim.testing.oracle.schemes import (
    double_rounding,
    float_scale,
    shift_only,
    single_rounding,
)

__all__ = [
    "apply_register",
    "double_rounding",
    "float_scale",
    "matmul",
    "narrow",
    "philox4x32_10",
    "round_quotient",
    "shift_only",
    "single_rounding",
]
