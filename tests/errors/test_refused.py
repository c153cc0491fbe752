"""Bad input: every call of the tables raises its class and says name, value and what is allowed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from errors.datapath_rows import DATAPATHS
from errors.operand_rows import OPERANDS
from errors.option_rows import CALL_OPTIONS
from errors.refusals import Refusal

from pyqsim import errors

REFUSED = [*OPERANDS, *DATAPATHS, *CALL_OPTIONS]


@pytest.mark.parametrize("refusal", REFUSED, ids=str)
def test_refused(refusal: Refusal) -> None:
    """The class, and a message with name, value and permitted range."""
    with pytest.raises(refusal.error, match=refusal.message):
        refusal.call()


def test_classes_are_what_a_python_user_expects() -> None:
    """Subclasses of ValueError, TypeError, ArithmeticError; one root for all."""
    for cls in (
        errors.ModeError,
        errors.DatapathError,
        errors.ShapeError,
        errors.CodeError,
        errors.QuantizationError,
        errors.AccumulatorRangeError,
    ):
        assert issubclass(cls, ValueError)
        assert issubclass(cls, errors.PyqsimError)
    assert issubclass(errors.OperandError, TypeError)
    assert issubclass(errors.OverflowTrap, ArithmeticError)


#: Run where a crash would not take the test run with it.
EVIL = """
import numpy as np
import pyqsim as qs
from errors.test_refused import REFUSED
from errors.refusals import output, reduce

taken = []
for refusal in REFUSED:
    try:
        refusal.call()
        taken.append(str(refusal))
    except Exception:
        pass
most = 2**31 - 1
qs.matmul(np.zeros((2**24, 0), np.int8), np.zeros((0, 0), np.int8), qs.Datapath())
qs.matmul(np.zeros((0, most), np.int8), np.zeros((most, 0), np.int8), qs.Datapath())
qs.narrow(np.zeros((0, most), np.int64), shift=most)
qs.narrow([2**63 - 1, -(2**63)], shift=10**30, bits=64)
qs.narrow([2**63 - 1, -(2**63)], shift=63, multiplier=-(2**63), divisor=2**63 - 1)
qs.matmul([[1]], [[1]], qs.Datapath(order=(-1,) * 100000 + (0,)))
reduce(*[qs.Narrow()] * 199, qs.Accumulate())
output(*[qs.Narrow()] * 50)
print("survived", taken)
"""


def test_nothing_crashes() -> None:
    """Every bad call and a few evil good ones, in a process of their own."""
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "faulthandler",
            "-c",
            f"import sys; sys.path.insert(0, {str(tests)!r})\n{EVIL}",
        ],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "survived []"
