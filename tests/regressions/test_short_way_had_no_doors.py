"""A plan's short way for plain arrays took operands that the product's doors refuse.

A code outside a `Lookup`'s table gave a term of 0, and `Shift` multiplied operands that have no
shifts; with ``kernel="reference"`` both raised.
"""

from __future__ import annotations

import numpy as np
import pytest

import pyqsim as qs

A, B = np.full((2, 4), 7, dtype=np.uint8), np.ones((4, 3), dtype=np.int8)


@pytest.mark.parametrize("kernel", ["auto", "gemm", "reference"])
def test_codes_outside_the_table(kernel: str) -> None:
    """The table has four codes of a."""
    machine = qs.Datapath(product=qs.Lookup([[1, 2]] * 4), reduce=(qs.Accumulate(32),))
    with pytest.raises(qs.errors.CodeError, match="a has code 7"):
        qs.plan(B, machine, kernel=kernel)(A)


@pytest.mark.parametrize("kernel", ["auto", "gemm", "reference"])
def test_shift_without_shifts(kernel: str) -> None:
    """Plain integers have none."""
    machine = qs.Datapath(product=qs.Shift(), reduce=(qs.Accumulate(32),))
    with pytest.raises(qs.errors.DatapathError, match="neither operand's format has shifts"):
        qs.plan(B, machine, kernel=kernel)(A)
