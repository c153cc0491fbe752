"""NVIDIA: dp4a, and the 8-bit integer matrix instructions with and without satfinite."""

from __future__ import annotations

from dataclasses import replace

from pyqsim.modes import SATURATE, WRAP
from pyqsim.targets.common import S8, dot
from pyqsim.targets.target import Target

__all__ = ["TARGETS"]

_WMMA = Target(
    name="nvidia-wmma-s8",
    family="nvidia",
    title="wmma.mma, mma s8: accumulator + 16 products, wraps",
    datapath=dot(16, 32, WRAP),
    a=S8,
    b=S8,
    source="NVIDIA PTX ISA, wmma.mma and mma with .s32 accumulators",
    confidence="unconfirmed",
    notes="Without .satfinite; that it wraps is the usual reading. Where sums wrap, how the "
    "hardware groups the K of an instruction has no part in the result",
)

TARGETS = (
    Target(
        name="nvidia-dp4a",
        family="nvidia",
        title="NVIDIA dp4a: accumulator + 4 products, wraps",
        datapath=dot(4, 32, WRAP),
        a=S8,
        b=S8,
        source="NVIDIA PTX ISA, dp4a",
        confidence="documented",
    ),
    _WMMA,
    replace(
        _WMMA,
        name="nvidia-wmma-s8-satfinite",
        group="",
        title="wmma.mma, mma s8 with .satfinite: accumulator + 16 products, saturates",
        datapath=dot(16, 32, SATURATE),
        notes="One saturation an instruction of K = 16, its products summed exactly",
        pitfalls=(
            "PTX leaves the order inside an instruction open; one of K = 32 may be two steps of 16",
        ),
    ),
)
