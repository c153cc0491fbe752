"""The ledger of comparisons, with and without workers, and what `needs` does where nothing is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from ledger import Ledger, needs

pytest_plugins = ["pytester"]

TESTS = Path(__file__).parents[1]


def test_records_are_checked() -> None:
    """A target that exists, at least one case, no more mismatches than cases, a version."""
    record = Ledger().recorder("t")
    for call in (
        ("no-such-target", "numpy", 1, 0),
        ("vta", "numpy", 0, 0),
        ("vta", "numpy", 1, 2),
        ("vta", "no-such-package", 1, 0),
    ):
        with pytest.raises(AssertionError):
            record(*call)
    record("vta", "qemu", 3, 0, version="7.2")
    record("vta", "numpy", 3, 0)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_ledger_of_a_run(pytester: pytest.Pytester, workers: str) -> None:
    """Records of all tests, failed ones too, summed by test, also from pytest-xdist's workers."""
    for name in ("conftest.py", "ledger.py"):
        shutil.copy(TESTS / name, pytester.path / name)
    pytester.makeini(f"[pytest]\npythonpath = {pytester.path}")
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("i", range(4))
        def test_it(ledger, i):
            ledger("vta", "sim", 10, i == 3, version="1")
            ledger("vta", "sim", 5, 0, version="1")
            assert i < 3
        """
    )
    result = pytester.runpytest_subprocess("-n", workers, "--ledger", "out.json")
    result.assert_outcomes(passed=3, failed=1)
    records = json.loads((pytester.path / "out.json").read_text())
    assert [(r["target"], r["peer"], r["cases"], r["mismatches"]) for r in records] == [
        ("vta", "sim", 15, int(i == 3)) for i in range(4)
    ]


def test_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module, a program, a fact; skipped where absent, failed where required."""
    monkeypatch.delenv("PYQSIM_REQUIRE", raising=False)
    assert needs("json") is json
    assert Path(needs("sh")).name == "sh"
    assert needs("avx", found=True) is True
    for required in ("", "other", "other,avx", "all"):
        monkeypatch.setenv("PYQSIM_REQUIRE", required)
        outcome = (
            pytest.fail.Exception if required in ("other,avx", "all") else pytest.skip.Exception
        )
        with pytest.raises(outcome, match="avx is not here: none"):
            needs("avx", found=False, reason="none")
        with pytest.raises(pytest.fail.Exception if required == "all" else pytest.skip.Exception):
            needs("no_such_module")
