"""Each planted fault is found by level 1 within seconds, and named."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from testing.planted_faults import FAULTS

from pyqsim.testing.conformance import Plan, PythonKernel, conform

#: Of the processor, so that a busy machine changes nothing: below 10 alone, more under sanitizers.
_SECONDS = 60


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_found_and_named(fault):
    began = time.process_time()
    report = conform(PythonKernel(fault.kernel), Plan(fault.machine, fault.a, fault.b))
    seconds = time.process_time() - began
    named = report.verdict and report.verdict.causes and report.verdict.causes[0]
    print(f"{fault.name}: {seconds:.1f} s; {named}; {report.counterexample}")
    assert report.error is None
    assert not report.passed
    assert report.counterexample is not None
    assert seconds < _SECONDS
    assert report.verdict.cause in fault.causes, report.verdict
    assert fault.words in report.verdict.causes[0].detail


def test_the_list_is_long_enough():
    assert len(FAULTS) >= 20
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert len({fault.causes[0] for fault in FAULTS}) >= 15


def test_the_readme_says_how_many():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    found = re.search(r"Of the (\d+)\s+planted faults", readme)
    assert found is not None
    assert int(found[1]) == len(FAULTS)
