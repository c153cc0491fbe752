"""Machines of what is no named target: an integer times a float32 factor, to an integer.

They are checked like the others and are not in the ledger. `pyqsim.targets` leaves them out: they
are a float multiplication and a conversion, of which no runtime does only these two, and MULPS
with CVTPS2DQ is what `FloatScale` says for factors below 1 only, which a target cannot state.
"""

from __future__ import annotations

import pyqsim as qs
from pyqsim.datapath import Datapath, Requantize
from pyqsim.requantize import FloatScale
from pyqsim.targets import Target
from pyqsim.targets.common import ONE, S32

__all__ = ["machine_of"]

_NAMES = ("x86-mulps-cvtps2dq", "arm-fmul-fcvtns")


def machine_of(name: str) -> Target:
    """A registered target, or one of these."""
    if name not in _NAMES:
        return qs.targets.get(name)
    return Target(
        name=name,
        family=name.split("-")[0],
        title="s32 times a float32 factor, to s32",
        datapath=Datapath(reduce=(), output=(Requantize(FloatScale()),)),
        a=S32,
        b=ONE,
        k=1,
        source="The manuals of the instructions",
        confidence="documented",
    )
