"""Which fit a format, a method and their options stand for: the one list."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pyqsim.calibration.aciq import GaussClip, LaplaceClip, MeanMagnitude
from pyqsim.calibration.bit_planes import BitPlanesFit
from pyqsim.calibration.codebook import CodebookFit
from pyqsim.calibration.fit import Fit
from pyqsim.calibration.kl import Divergence
from pyqsim.calibration.method import Method
from pyqsim.calibration.mse import SquaredError
from pyqsim.calibration.options import Options
from pyqsim.calibration.percentile import Percentile
from pyqsim.calibration.piecewise_linear import PiecewiseLinearFit
from pyqsim.calibration.scale_rule import ScaleRule
from pyqsim.calibration.top_k import TopKMedian
from pyqsim.errors import ModeError, QuantizationError
from pyqsim.formats import Affine, BitPlanes, Codebook, Format, PiecewiseLinear, Planes
from pyqsim.formats.base import check_format

__all__ = ["K_MEANS", "METHODS", "fit_maker"]

#: Ways of finding a range; see `pyqsim.calibration.fit_scale`.
METHODS: dict[str, type[Method]] = {
    "max": Method,
    "minmax": Method,
    "percentile": Percentile,
    "top_k_median": TopKMedian,
    "mse": SquaredError,
    "kl": Divergence,
    "aciq_gauss": GaussClip,
    "aciq_laplace": LaplaceClip,
    "mean_abs": MeanMagnitude,
}

#: The method that finds the thresholds of a `Codebook`, too.
K_MEANS = "k_means"

#: Formats with fits of their own.
_OWN: dict[type[Format], Callable[..., Fit]] = {
    BitPlanes: BitPlanesFit,
    PiecewiseLinear: PiecewiseLinearFit,
}


def fit_maker(
    fmt: Format,
    method: str | None = None,
    symmetric: bool | str | None = None,
    power_of_two: bool = False,
    **options: Any,
) -> Callable[[int], Fit]:
    """Check what is asked for, once.

    Parameters
    ----------
    fmt, method, symmetric, power_of_two, **options
        As in `pyqsim.calibration.Calibrator`.

    Returns
    -------
    callable
        Makes a fit of so many rows.

    Raises
    ------
    OperandError, QuantizationError, ModeError, TypeError
        As `pyqsim.calibration.fit_scale`.
    """
    check_format(fmt)
    if not isinstance(power_of_two, bool):
        raise ModeError(f"power_of_two={power_of_two!r}, allowed: True, False")
    own = _OWN.get(type(fmt))
    if isinstance(fmt, Codebook) and method == K_MEANS:
        own, method = CodebookFit, None
    if own is None:
        rule = _scale_rule(fmt, method or "max", symmetric, power_of_two)
        make: Callable[[int], Fit] = partial(METHODS[method or "max"], rule, Options(**options))
    else:
        if symmetric is not None:
            raise ModeError(f"symmetric={symmetric!r}, allowed for {fmt}: None")
        named = options if method is None else {**options, "method": method}
        make = partial(own, fmt, power_of_two=power_of_two, **named)
    make(1)
    return make


def _scale_rule(
    fmt: Format, method: str, symmetric: bool | str | None, power_of_two: bool
) -> ScaleRule:
    """Check method and symmetry, and fill in the default symmetry."""
    if not isinstance(method, str) or method not in METHODS:
        names = [*METHODS, *[K_MEANS] * isinstance(fmt, Codebook)]
        raise ModeError(f"method={method!r}, allowed: {', '.join(map(repr, names))}")
    if isinstance(fmt, Planes):
        raise QuantizationError(f"fmt={fmt}, allowed: a format with a scale rule")
    if symmetric is None:
        unsigned = isinstance(fmt, Affine) and not fmt.signed
        asymmetric = fmt.has_zero_point and (unsigned or method == "minmax")
        chosen = METHODS[method]
        symmetric = chosen.symmetric_only or chosen.symmetric_first or not asymmetric
    if METHODS[method].symmetric_only and not symmetric:
        raise ModeError(f"symmetric={symmetric!r}, allowed for method={method!r}: True or None")
    return ScaleRule(fmt, symmetric, power_of_two)
