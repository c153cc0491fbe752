"""pyqsim: bit-exact integer inference, with every rounding and overflow accounted for."""

from importlib import import_module
from types import ModuleType

from pyqsim import errors, ops, requantize
from pyqsim._version import __version__
from pyqsim.calibration import quantize
from pyqsim.datapath import (
    Accumulate,
    AccumulateLogs,
    AddBias,
    AddLogs,
    AddZeroPoint,
    Clamp,
    CorrectZeroPoints,
    Datapath,
    FromLogs,
    Lookup,
    Merge,
    Multiply,
    Narrow,
    Requantize,
    Scheme,
    Shift,
    Stage,
    Thresholds,
)
from pyqsim.diagnostics import Explanation, explain
from pyqsim.events import Events, StepEvents
from pyqsim.formats import (
    Affine,
    APoT,
    Binary,
    BitPlanes,
    Codebook,
    Format,
    LogQuant,
    PiecewiseLinear,
    Planes,
    PowerOfTwo,
    Ternary,
)
from pyqsim.modes import (
    AWAY_FROM_ZERO,
    CEIL,
    FLOOR,
    HALF_AWAY,
    HALF_DOWN,
    HALF_EVEN,
    HALF_EVEN_POSITIVE_HALF_UP_NEGATIVE,
    HALF_ODD,
    HALF_TOWARD_ZERO,
    HALF_UP,
    JAM,
    SATURATE,
    SATURATE_HOLD,
    SATURATE_SYMMETRIC,
    SATURATE_ZERO,
    SIGN_MAGNITUDE_WRAP,
    STOCHASTIC,
    TO_ODD,
    TOWARD_ZERO,
    TRAP,
    TRUNCATE_MAGNITUDE,
    WRAP,
    WRAP_SATURATED_BITS,
    Overflow,
    Rounding,
)
from pyqsim.ops import Encoding, Plan, matmul, narrow, plan
from pyqsim.tensor import QTensor

__all__ = [
    "AWAY_FROM_ZERO",
    "CEIL",
    "FLOOR",
    "HALF_AWAY",
    "HALF_DOWN",
    "HALF_EVEN",
    "HALF_EVEN_POSITIVE_HALF_UP_NEGATIVE",
    "HALF_ODD",
    "HALF_TOWARD_ZERO",
    "HALF_UP",
    "JAM",
    "SATURATE",
    "SATURATE_HOLD",
    "SATURATE_SYMMETRIC",
    "SATURATE_ZERO",
    "SIGN_MAGNITUDE_WRAP",
    "STOCHASTIC",
    "TOWARD_ZERO",
    "TO_ODD",
    "TRAP",
    "TRUNCATE_MAGNITUDE",
    "WRAP",
    "WRAP_SATURATED_BITS",
    "APoT",
    "Accumulate",
    "AccumulateLogs",
    "AddBias",
    "AddLogs",
    "AddZeroPoint",
    "Affine",
    "Binary",
    "BitPlanes",
    "Clamp",
    "Codebook",
    "CorrectZeroPoints",
    "Datapath",
    "Encoding",
    "Events",
    "Explanation",
    "Format",
    "FromLogs",
    "LogQuant",
    "Lookup",
    "Merge",
    "Multiply",
    "Narrow",
    "Overflow",
    "PiecewiseLinear",
    "Plan",
    "Planes",
    "PowerOfTwo",
    "QTensor",
    "Requantize",
    "Rounding",
    "Scheme",
    "Shift",
    "Stage",
    "StepEvents",
    "Ternary",
    "Thresholds",
    "__version__",
    "errors",
    "explain",
    "matmul",
    "narrow",
    "ops",
    "plan",
    "quantize",
    "requantize",
]

_ON_REQUEST = ("testing",)


def __getattr__(name: str) -> ModuleType:
    """Import `pyqsim.testing` when it is asked for: nothing in the package itself depends on it."""
    if name in _ON_REQUEST:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'pyqsim' has no attribute {name!r}")
