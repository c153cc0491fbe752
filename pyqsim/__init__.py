"""pyqsim: bit-exact integer inference, with every rounding and overflow accounted for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from pyqsim import targets
    from pyqsim.diagnostics.difference import Difference, diff
    from pyqsim.diagnostics.explain import Explanation, explain
    from pyqsim.diagnostics.headroom import Headroom, headroom

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
    "Difference",
    "Encoding",
    "Events",
    "Explanation",
    "Format",
    "FromLogs",
    "Headroom",
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
    "diff",
    "errors",
    "explain",
    "headroom",
    "matmul",
    "narrow",
    "ops",
    "plan",
    "quantize",
    "requantize",
    "targets",
]

#: Imported when they, or a name of theirs, are asked for: half of what an import would take.
_ROOMS = ("data", "diagnostics", "model", "targets", "testing")
_OF_DIAGNOSTICS = ("Difference", "Explanation", "Headroom", "diff", "explain", "headroom")


def __getattr__(name: str) -> Any:
    """Import a room on request; nothing in `import pyqsim` itself depends on these."""
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name in _OF_DIAGNOSTICS:
        return getattr(import_module(f"{__name__}.diagnostics"), name)
    raise AttributeError(f"module 'pyqsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Every public name, whether imported already or not."""
    return sorted({*globals(), *__all__, *_ROOMS})
