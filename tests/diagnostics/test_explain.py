"""`explain` tells what `matmul` did: the same values and events, line by line."""

from __future__ import annotations

import json
import re
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from parity.random_cases import random_case

import pyqsim as qs
from pyqsim.modes import OverflowRule

CASES = {1: 1_200, 2: 100_000}


def explained(case: Any, shape: tuple[int, int]) -> dict[tuple[int, int], qs.Explanation]:
    return {
        (m, n): qs.explain(case.a, case.b, case.datapath, m, n, **case.data)
        for m in range(shape[0])
        for n in range(shape[1])
    }


def check_arithmetic(line: Any, steps: tuple[Any, ...]) -> None:
    """What a line says adds up, whoever computed it."""
    if line.step < 0 or line.step >= len(steps) or line.seen is None:
        return
    owner = steps[line.step]
    if isinstance(owner, qs.Accumulate) and line.before is not None:
        assert line.seen == line.before + line.value
    if line.exact is not None:
        assert line.exact - 1 < line.seen <= line.exact + 1
        said = any("rounded" in word for word in line.happened)
        assert said == (line.exact != line.seen)
    assert line.overflowed == (line.seen != line.after)


def test_values_and_events_are_those_of_matmul(level: int) -> None:
    """Random machines of the whole model: every output of every call."""
    checked = 0
    for seed in range(CASES[level]):
        case = random_case(seed, rows=2)
        args = (case.a, case.b, case.datapath)
        try:
            y, events = qs.matmul(*args, events=True, counts=True, kernel="reference", **case.data)
        except qs.errors.OverflowTrap as trap:
            _, m, n, _ = trap.place
            found = qs.explain(*args, m, n, **case.data)
            assert found.values is None, case
            assert any("trapped" in line.happened for line in found.lines), case
            continue
        except qs.errors.PyqsimError:
            continue
        all_of_it = explained(case, y.shape[-2:])
        steps = case.datapath.reduce
        for (m, n), found in all_of_it.items():
            assert list(found.values) == y.reshape(-1, *y.shape[-2:])[:, m, n].tolist(), case
            assert found.overflows == events.counts[m, n], case
            for line in found.lines:
                check_arithmetic(line, steps)
            checked += 1
        firsts = [one.first for one in all_of_it.values() if one.first]
        assert (firsts[0] if firsts else None) == events.first, case
        for number, step in enumerate(events.steps):
            seen = [
                line.seen
                for one in all_of_it.values()
                for line in one.lines
                if line.step == number and line.seen is not None
            ]
            assert (min(seen, default=None), max(seen, default=None)) == (
                step.minimum,
                step.maximum,
            ), case
    assert checked > CASES[level]


def test_words() -> None:
    """Ties, rules and the clamp by their names."""
    narrow = qs.Narrow(shift=1, rounding="half_even", bits=3, overflow="saturate")
    dp = qs.Datapath(
        reduce=(narrow, qs.Accumulate(3, "wrap")), output=(qs.AddBias(), qs.Clamp(-1, 1))
    )
    found = qs.explain([[3, 5, 100, 1]], [[1]] * 4, dp, 0, 0, bias=[5])
    by_step = [[line.happened for line in found.lines if line.step == step] for step in range(4)]
    up, down = ("tie rounded up",), ("tie rounded down",)
    assert by_step[0] == [up, down, ("saturated",), down]
    assert by_step[1] == [(), ("wrapped",), (), ()]
    assert by_step[2:] == [[()], [("clamped",)]]
    assert found.lines[4].exact == Fraction(3, 2)
    assert found.values == (1,)
    held = qs.Datapath(reduce=(qs.Accumulate(3, "saturate_hold"),))
    words = [x.happened for x in qs.explain([[3, 1, -7]], [[1]] * 3, held, 0, 0).lines[3:]]
    assert words == [(), ("saturated and held",), ("nothing added",)]


@pytest.mark.parametrize("rule", [r for r in OverflowRule if r is not OverflowRule.TRAP])
def test_every_overflow_rule_has_a_word(rule: OverflowRule) -> None:
    overflow = qs.Overflow(rule, 2 * (rule >= OverflowRule.WRAP_SATURATED_BITS))
    if rule is OverflowRule.SATURATE_HOLD:
        steps: tuple[Any, ...] = (qs.Accumulate(4, overflow),)
    else:
        steps = (qs.Accumulate(), qs.Narrow(bits=4, overflow=overflow))
    dp = qs.Datapath(reduce=steps)
    (line,) = [x for x in qs.explain([[100]], [[1]], dp, 0, 0).lines if x.overflowed]
    assert len(line.happened) == 1


def test_lanes_and_orders() -> None:
    """Accumulators of interleaved blocks, k of a permuted order with a hole."""
    step = qs.Accumulate(group=2, interleave=2)
    dp = qs.Datapath(reduce=(step, qs.Accumulate()), order=(4, 3, -1, 2, 1, 0))
    found = qs.explain([[1, 2, 3, 4, 5]], [[1]] * 5, dp, 0, 0)
    lines = [line for line in found.lines if line.step == 0]
    assert [line.lane for line in lines] == [0, 1, 0, 1, 2, 3]
    assert [line.k for line in lines] == [4, 3, 4, 2, 1, 0]
    assert [line.after for line in lines] == [5, 4, 5, 7, 2, 1]
    assert [line.a for line in found.lines[:6]] == [5, 4, None, 3, 2, 1]


def test_text_json_and_picture(tmp_path: Any) -> None:
    """Long ones are shortened, but not what happened; JSON is complete; a picture is drawn."""
    a = np.zeros((1, 400), int)
    a[0, [200, 210, 220]] = 100
    found = qs.explain(a, a.T, qs.Datapath(reduce=(qs.Accumulate(14, "saturate"),)), 0, 0)
    text = str(found)
    assert len(text.splitlines()) < 120
    assert "lines" in text
    assert text.count("saturated") == found.overflows == 3
    assert len(found.table(limit=None).splitlines()) == 4 + 800
    loaded = json.loads(json.dumps(found.to_json()))
    assert len(loaded["lines"]) == 800
    assert loaded["values"] == list(found.values)
    assert "overflows=" in repr(found)
    pytest.importorskip("matplotlib")
    found.plot(tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(qs.errors.DatapathError, match=r"allowed: ending in \.png"):
        found.plot(tmp_path / "x.gif")


def test_the_picture_says_what_it_shows(tmp_path: Any) -> None:
    """Title, axes and whole numbers of values, as text of the SVG."""
    pytest.importorskip("matplotlib")
    machine = qs.Datapath(reduce=(qs.Accumulate(14, "saturate"),))
    found = qs.explain([[127, 127, -128]], [[127], [127], [127]], machine, 0, 0)
    found.plot(tmp_path / "x.svg")
    texts = re.findall(r"<text [^>]*>([^<]*)</text>", (tmp_path / "x.svg").read_text())
    assert "output (0, 0) = -8065; 2 overflows, the first in step 0 at k=0" in texts
    assert {"terms", "number of the value in the step", "integer", "register after"} <= set(texts)
    assert not any(re.fullmatch(r"\d+\.\d+", text) for text in texts)


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    found = qs.explain([[1]], [[1]], qs.Datapath(), 0, 0)
    with pytest.raises(qs.errors.PyqsimError, match=r"pip install 'pyqsim\[plot\]'"):
        found.plot(tmp_path / "x.png")


@pytest.mark.parametrize(("m", "n"), [(1, 0), (0, 1), (-1, 0), (0.5, 0), (True, 0)])
def test_no_such_output(m: Any, n: Any) -> None:
    with pytest.raises(qs.errors.DatapathError, match=r"explain: [mn]=.*allowed"):
        qs.explain([[1]], [[1]], qs.Datapath(), m, n)
