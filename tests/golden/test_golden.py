"""pyqsim gives the published results; the generator gives the file."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from exhaustive.kernels import on_each_kernel
from golden import make_golden

import pyqsim as qs

CASES: list[dict[str, Any]] = json.loads(make_golden.FILE.read_text())


def value(expression: str) -> Any:
    """A datapath, scheme or its parameters, as the file spells them."""
    names: dict[str, Any] = {name: getattr(qs, name) for name in qs.__all__} | {"dict": dict}
    names |= {name: getattr(qs.requantize, name) for name in qs.requantize.__all__}
    return eval(expression, {"__builtins__": {}}, names)


def computed(case: dict[str, Any]) -> dict[str, Any]:
    """What pyqsim makes of a case, on every kernel that takes it."""
    if "datapath" in case:
        data = {} if case["bias"] is None else {"bias": case["bias"]}
        results = on_each_kernel(case["a"], case["b"], value(case["datapath"]), **data)
        return {kernel: y.tolist() for kernel, y in results}
    if "narrow" in case:
        return {"narrow": qs.narrow(case["x"], **value(f"dict({case['narrow']})")).tolist()}
    if "scheme" in case:
        codes = {name: case[name] for name in ("zero_point", "clamp") if name in case}
        y = value(case["scheme"]).apply(case["x"], value(case["parameters"]), **codes)
        return {"scheme": y.tolist()}
    scales = [float.fromhex(scale) for scale in case["scales"]]
    parameters = [qs.requantize.DoubleRounding().encode(scale) for scale in scales]
    return {"encode": [[int(p.multiplier), int(p.shift)] for p in parameters]}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_published_results(case: dict[str, Any]) -> None:
    wrong = [
        f"{case['name']} {kernel} [{i}]: observed {o}, expected {e}"
        for kernel, observed in computed(case).items()
        for i, (o, e) in enumerate(zip(observed, case["expected"], strict=True))
        if o != e
    ]
    assert not wrong, "\n".join([make_golden.SOURCES[case["source"]], *wrong])


def test_generator_makes_the_file() -> None:
    """Not edited by hand, and small."""
    assert make_golden.FILE.read_text() == make_golden.text()
    assert make_golden.FILE.stat().st_size < 100_000


def test_cases_reach_their_corners() -> None:
    """Saturation, wrap and ties really occur in the data."""
    by_name = {case["name"]: np.array(case["expected"]) for case in CASES}
    assert {-(2**15), 2**15 - 1} <= set(by_name["VPMADDUBSW"].ravel().tolist())
    assert -(2**31) in by_name["VPMADDWD"]
    assert {-(2**31), 2**31 - 1} <= set(by_name["VPDPBUSDS"].ravel().tolist())
    assert (by_name["VPDPBUSD"] != by_name["VPDPBUSDS"]).any()
    assert by_name["PMULHRSW"][0, 0] == -(2**15)
    assert by_name["SQRDMULH.16"][0, 0] == 2**15 - 1
    assert 2**31 - 1 in by_name["NVDLA int16 truncate 0"]
