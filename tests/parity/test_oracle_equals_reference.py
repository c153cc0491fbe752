"""Oracle (Python integers) == reference (C): values, events and errors, over the whole model."""

from __future__ import annotations

from collections import Counter

import pytest
from parity.outcomes import outcome
from parity.random_cases import Case, random_case

import pyqsim as qs
from pyqsim.testing import oracle

CASES = {1: 6_000, 2: 1_000_000}
CHUNK = 500


def compare(case: Case) -> str:
    """Run a case on both and return the kind of outcome; a difference fails with the case."""
    args = (case.a, case.b, case.datapath)
    options = {"events": True, "counts": True, "kernel": "reference"}
    got = outcome(lambda: qs.matmul(*args, **options, **case.data))
    if got[0] in ("range", "CodeError"):  # int64 not proven: the oracle has no such limit
        return got[0]
    expected = outcome(lambda: oracle.matmul(*args, events=True, counts=True, **case.data))
    assert got == expected, f"{case}\n=> observed {got}\n   expected {expected}"
    return str(got[0])


@pytest.mark.parametrize("chunk", range(CASES[1] // CHUNK))
def test_oracle_equals_reference(chunk: int, level: int) -> None:
    """Seeded cases; a failing seed is its own regression."""
    chunks = CASES[1] // CHUNK
    size = CASES[level] // chunks
    kinds = Counter(compare(random_case(seed)) for seed in range(chunk * size, (chunk + 1) * size))
    assert kinds["value"] > 0.6 * size, kinds
    assert kinds["trap"] > 0, kinds
