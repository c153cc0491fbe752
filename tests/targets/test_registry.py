"""Names, ranges and sources of all targets; the table in the README."""

from __future__ import annotations

import json

import numpy as np
import pytest
from targets.make_verified import README, VERIFIED, collected, with_table

import pyqsim as qs
from pyqsim.errors import DatapathError, ModeError
from pyqsim.targets.registry import FAMILIES

ALL = [qs.targets.get(name) for name in qs.targets.names()]


def test_names_are_unique_and_plain() -> None:
    """Two families cannot give one name; a name is what a shell takes without quotes."""
    assert len(ALL) == sum(len(family.TARGETS) for family in FAMILIES)
    for target in ALL:
        assert set(target.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_every_target_names_its_source() -> None:
    """And its family is the file it stands in."""
    for family in FAMILIES:
        for target in family.TARGETS:
            assert target.source
            assert target.title
            assert target.family == family.__name__.split(".")[-1]


@pytest.mark.parametrize("target", ALL, ids=lambda target: target.name)
def test_runs_at_the_corners_of_its_ranges(target: qs.targets.Target) -> None:
    """Library equals oracle on the operands' extremes, for two lengths of K."""
    corners_a = np.unique([target.a.low, target.a.low + 1, 0, target.a.high])
    corners_a = corners_a[(corners_a >= target.a.low) & (corners_a <= target.a.high)]
    corners_b = np.unique([target.b.low, target.b.high])
    for k in (1, 5) if target.k is None else (target.k,):
        a = np.repeat(corners_a[:, None], k, axis=1)
        b = np.repeat(corners_b[None, :], k, axis=0)
        data = qs.targets.call_data(target)
        y = qs.matmul(a, b, target.datapath, **data)
        assert (y == qs.testing.oracle.matmul(a, b, target.datapath, **data)).all()


#: Schemes of the library that are no machine's of their own, and why.
WITHOUT_TARGET = {
    "gemmini-shift": "a macro; Gemmini scales in float32",
    "vta-hls": "vta's shift, read otherwise",
    "vta-simulator": "vta's shift, read otherwise",
    "vta-chisel": "vta's shift, which is ShiftOnly in its target",
    "ap-fixed-8": "an example; hls-ap-* are ShiftOnly of 16 bits",
    "fixed-point-16": "a form to choose from, no product",
}


def test_every_scheme_has_a_target() -> None:
    """Or a reason; a rounding of ShiftOnly counts whatever its width and overflow rule."""

    def kind(scheme: object) -> object:
        return scheme.rounding if isinstance(scheme, qs.requantize.ShiftOnly) else scheme

    used = {kind(target.scheme) for target in ALL}
    unused = {n for n, scheme in qs.requantize.registered().items() if kind(scheme) not in used}
    assert unused - set(WITHOUT_TARGET) == set()


@pytest.mark.parametrize("truncate", range(32))
def test_nvdla_truncates_by_up_to_31(truncate: int) -> None:
    """q = (v << 16) >> t, its lowest 16 bits the fraction: rounded, a tie away from zero."""
    target = qs.targets.get("nvdla-cacc-int16")
    sums = [s * (2 * j + 1) << max(truncate - 1, 0) for j in range(4) for s in (1, -1)]
    data = qs.targets.call_data(target, requantize=qs.requantize.PowerOfTwoFactor(-truncate))
    for v in (v + d for v in sums for d in (-1, 0, 1)):
        a, b = _products_of(v)
        found = qs.matmul([a], [[x] for x in b], target.datapath, **data).item()
        assert found == _truncated(v, truncate), (v, truncate)


def _products_of(v: int) -> tuple[list[int], list[int]]:
    """16-bit operands whose products sum to v: 2**28 as often as it fits, then the rest."""
    whole = v >> 28
    a = [2**14 if whole > 0 else -(2**14)] * abs(whole) + [v >> 14 & 0x3FFF, v & 0x3FFF]
    b = [2**14] * abs(whole) + [2**14, 1]
    assert sum(x * y for x, y in zip(a, b, strict=True)) == v
    return a, b


def _truncated(v: int, t: int) -> int:
    q = v << 16 >> t
    guard, sticky = q >> 15 & 1, q & 0x7FFF != 0
    y = (q >> 16) + (guard and (v >= 0 or sticky))
    return min(max(y, -(2**31)), 2**31 - 1)


def test_unknown_names_are_refused() -> None:
    """With those that resemble it."""
    with pytest.raises(ModeError, match="x86-vpdpbusd, x86-vpdpbusds"):
        qs.targets.get("vpdpbusd")


def test_real_scale_rounds_as_the_runtime() -> None:
    """0.1 * 0.3 / 0.7: three rules, three numbers, from float32 scales by hand."""
    a, b, out = (np.float32(x) for x in (0.1, 0.3, 0.7))
    of = {name: qs.targets.get(name).real_scale(a, b, out) for name in ("tflite-micro", "ort-vnni")}
    assert of["tflite-micro"] == float(a) * float(b) / float(out)
    assert of["ort-vnni"] == float(np.float32(np.float32(a * b) / out))
    assert of["tflite-micro"] != of["ort-vnni"]
    with pytest.raises(DatapathError, match="takes no scales"):
        qs.targets.get("x86-vpdpbusd").real_scale(1, 1, 1)


def test_verified_targets_exist_and_met_no_mismatch() -> None:
    """The package data names targets and operators, and a refuted one may not be shipped."""
    for name, records in json.loads(VERIFIED.read_text()).items():
        if name.startswith("ops."):
            assert name.removeprefix("ops.") in qs.ops.__all__
            assert all(cases > mismatches == 0 for _, _, cases, mismatches in records)
            continue
        target = qs.targets.get(name)
        assert [list(v) for v in map(_fields, target.verified)] == records
        assert target.status == "verified"


def _fields(one: qs.targets.Verification) -> tuple[str, str, int, int]:
    return one.peer, one.version, one.cases, one.mismatches


def test_readme_shows_what_the_package_says() -> None:
    """make_verified.py writes both from one ledger."""
    text = README.read_text()
    assert with_table(text, json.loads(VERIFIED.read_text())) == text


def test_a_new_ledger_replaces_what_it_met() -> None:
    """Counts of one peer are added within a run; other peers keep theirs."""
    old = {"vta": [["sim", "1", 5, 0], ["chip", "2", 7, 0]], "finn": [["x", "1", 1, 0]]}
    run = [
        {"target": "vta", "peer": "sim", "version": "3", "cases": 10, "mismatches": 0, "test": "t"},
        {"target": "vta", "peer": "sim", "version": "3", "cases": 4, "mismatches": 1, "test": "u"},
    ]
    assert collected(old, [run]) == {
        "finn": [["x", "1", 1, 0]],
        "vta": [["chip", "2", 7, 0], ["sim", "3", 14, 1]],
    }
