"""Recorded answers of instructions, checked also where nothing can run them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from instructions.make_golden import Arrays, cases_in, file_of, results_in
from instructions.rules import FAMILIES, Rule, rules_of
from instructions.simulated import differences, flags_of, results_of

RULES = [rule for family in FAMILIES for rule in rules_of(family)]


@cache
def recorded(family: str) -> Arrays:
    with np.load(file_of(family), allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.target)
def test_target_equals_recorded_answers(rule: Rule) -> None:
    arrays = recorded(rule.family)
    parts = cases_in(arrays, rule)
    assert sum(cases.count for cases in parts) >= rule.least(0)
    for part, cases in enumerate(parts):
        expected, flags = results_in(arrays, rule, part)
        wrong = differences(rule, cases, results_of(rule, cases), expected)
        assert not wrong, "\n".join(wrong)
        assert rule.flag == (flags is not None)
        if flags is not None:
            assert (flags_of(rule, cases) == flags).all()


@pytest.mark.parametrize("rule", [r for r in RULES if r.flag], ids=lambda rule: rule.target)
def test_flags_are_set_and_clear(rule: Rule) -> None:
    """The recorded cases tell a machine that saturates from one that does not."""
    arrays = recorded(rule.family)
    flags = [results_in(arrays, rule, i)[1] for i in range(len(cases_in(arrays, rule)))]
    seen = np.concatenate([np.ravel(one) for one in flags if one is not None])
    assert seen.any()
    assert rule.accumulates or not seen.all()


def test_files_are_small() -> None:
    assert sum(file_of(family).stat().st_size for family in FAMILIES) < 1_000_000
