"""Each instruction's target gives what the instruction itself gives, on a CPU or emulated."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from instructions.cases import Cases, cases_of
from instructions.machines import Probe, build
from instructions.make_golden import file_of, made
from instructions.rules import FAMILIES, Rule, rules_of
from instructions.simulated import differences, flags_of, results_of
from ledger import needs

import pyqsim as qs

RULES = [rule for family in FAMILIES for rule in rules_of(family)]


@pytest.fixture(scope="session")
def probe_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Probe]:
    """A family's probe, compiled once."""
    return cache(lambda family: build(family, tmp_path_factory.mktemp(family)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.target)
def test_target_equals_instruction(
    rule: Rule, probe_of: Callable[[str], Probe], level: int, ledger: Callable[..., None]
) -> None:
    probe = probe_of(rule.family)
    if rule.instruction not in probe.instructions():
        needs(f"{rule.instruction} of the CPU", found=False, reason=probe.version)
    count, wrong = 0, 0
    shown: list[str] = []
    for cases in cases_of(rule, level):
        expected, flags = probe.run(rule, cases)
        observed = results_of(rule, cases)
        count += cases.count
        wrong += int((observed != expected).sum())
        shown += differences(rule, cases, observed, expected)
        if rule.flag:
            assert (flags_of(rule, cases) == flags).all(), "events are not the saturation flag"
    assert count >= rule.least(level)
    if rule.target in qs.targets.names():
        ledger(rule.target, probe.peer, count, wrong, version=probe.version)
    assert not shown, "\n".join(shown[:3])


@pytest.mark.parametrize(
    "rule", [r for r in RULES if r.target in qs.targets.names()], ids=lambda rule: rule.target
)
def test_recorded_long_run_met_enough_cases(rule: Rule) -> None:
    """What the package says it was verified on: ten million of every rule, or all there are."""
    peers = ("CPU", "qemu-aarch64", "qemu-riscv64", "qemu-hexagon")
    met = [one for one in qs.targets.get(rule.target).verified if one.peer in peers]
    assert sum(one.cases for one in met) >= rule.least(2)


@pytest.mark.parametrize("family", FAMILIES)
def test_golden_files_hold_what_the_probes_give(
    family: str, probe_of: Callable[[str], Probe]
) -> None:
    """Regenerated, every stored array has the same type, shape and bytes."""
    probe = probe_of(family)
    for rule in rules_of(family):
        if rule.instruction not in probe.instructions():
            needs(f"{rule.instruction} of the CPU", found=False, reason=probe.version)
    now = made(family, probe)
    with np.load(file_of(family), allow_pickle=False) as stored:
        assert set(stored.files) == set(now)
        for name, array in now.items():
            assert stored[name].dtype == array.dtype, name
            assert stored[name].shape == array.shape, name
            assert stored[name].tobytes() == array.tobytes(), name


def test_probe_refuses_what_it_cannot_run(probe_of: Callable[[str], Probe]) -> None:
    """Columns come in blocks of 64; rules that do not accumulate take one group."""
    probe = probe_of("x86")
    for arguments in (
        ("pmulhw", "1", "63", "1"),
        ("pmulhw", "1", "64", "2"),
        ("no", "1", "64", "1"),
    ):
        done = subprocess.run([*probe.command, *arguments], capture_output=True, check=False)
        assert done.returncode == 2, arguments


def test_x86_conversion_beyond_the_range(probe_of: Callable[[str], Probe]) -> None:
    """Where CVTPS2DQ departs from saturation: any overflow gives -2**31; recorded as a pitfall."""
    probe = probe_of("x86")
    rule = next(rule for rule in RULES if rule.target == "x86-cvtps2dq")
    if rule.instruction not in probe.instructions():
        needs(f"{rule.instruction} of the CPU", found=False, reason=probe.version)
    a = np.array([[1], [-1], [3], [-3]], dtype="i4")
    b = np.full((1, 64), 30, dtype="i4")
    assert probe.run(rule, Cases(a, b + 1))[0][:, 0].tolist() == [-(2**31)] * 4
    assert probe.run(rule, Cases(a, b))[0][:, 0].tolist() == [2**30, -(2**30), -(2**31), -(2**31)]


@pytest.mark.parametrize(
    ("target", "expected"),
    [("x86-mulps-cvtps2dq", [-(2**31)] * 3), ("arm-fmul-fcvtns", [0, 2**31 - 1, -(2**31)])],
)
def test_conversions_of_what_no_datapath_holds(
    target: str, expected: list[int], probe_of: Callable[[str], Probe]
) -> None:
    """NaN and infinities: recorded as pitfalls of the conversions."""
    rule = next(rule for rule in RULES if rule.target == target)
    probe = probe_of(rule.family)
    if rule.instruction not in probe.instructions():
        needs(f"{rule.instruction} of the CPU", found=False, reason=probe.version)
    b = np.resize(np.array([np.nan, np.inf, -np.inf], dtype="f4"), (1, 64))
    found, _ = probe.run(rule, Cases(np.array([[1]], dtype="i4"), b))
    assert found[0, :3].tolist() == expected
