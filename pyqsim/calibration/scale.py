"""How scale and zero point of a format are found from data."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.choice import K_MEANS, fit_maker
from pyqsim.calibration.fit import Integers, Reals
from pyqsim.calibration.scale_rule import ScaleRule
from pyqsim.errors import ModeError
from pyqsim.formats import Format
from pyqsim.formats.base import real_array
from pyqsim.tensor import Granularity

__all__ = ["fit_scale"]


def fit_scale(
    x: npt.ArrayLike,
    fmt: Format,
    axis: int | None = None,
    method: str | None = None,
    *,
    group: int | None = None,
    group_axis: int = 0,
    symmetric: bool | str | None = None,
    power_of_two: bool = False,
    **options: Any,
) -> tuple[Reals, Integers]:
    """Find scales and zero points from data.

    Elementwise IEEE double operations, maxima, sorting and sums of integers only: the result is
    the same on every machine. It does not depend on the order of the numbers;
    `pyqsim.calibration.Calibrator` finds the same from chunks.

    Parameters
    ----------
    x : array_like of float or int
        Finite real numbers; see `pyqsim.formats.base.real_array`.
    fmt : Format
        `PiecewiseLinear` and `BitPlanes` have methods and options of their own; see
        `pyqsim.calibration.piecewise_linear` and `pyqsim.calibration.bit_planes`.
    axis, group, group_axis
        One scale for each channel, group or both; see `pyqsim.tensor.QTensor`.
    method : str, optional
        How the range is found, of which the formulas below make a scale (default "max"):

        ===================  ====================================================================
        ``"max"``            holds every number
        ``"minmax"``         likewise, but not symmetric by default
        ``"percentile"``     ends at the nearest rank, the ``ceil(percentile / 100 * n)``-th
                             smallest of n magnitudes (no interpolation); not symmetric: hi likewise
                             of the numbers, lo the number as far from the other end
        ``"top_k_median"``   ends at the lower median of the `top_k` largest magnitudes (numbers,
                             and smallest numbers): PWLQ's activations
        ``"mse"``            the one among ``j / grid`` of the whole, j = 1..grid, with the least
                             sum of squared errors when encoded by the format's own rounding; of
                             equals the widest. Of `LogQuant` this is a search over FSR
        ``"kl"``             Kullback-Leibler divergence of the histogram of `bins` bins, after
                             TensorRT; defined exactly in `pyqsim.calibration.kl`. `Affine` only
        ``"aciq_gauss"``,    the clip that is best for that distribution about 0, of the root mean
        ``"aciq_laplace"``   square or mean magnitude of x (unsigned: of the numbers > 0; not
                             symmetric: about the mean); see `pyqsim.calibration.aciq`. Within the
                             extremes. `Affine` only
        ``"mean_abs"``       the mean magnitude: XNOR-Net's scale. ``Binary("pm1")`` only
        ===================  ====================================================================
    symmetric : bool or "half_step", optional
        True: zero point 0. False: the range is [lo, hi] (formats with zero point only).
        "half_step": zero point 0 and ``scale = 2 * alpha / (2**bits - 1)``, PWLQ's "symmetric":
        alpha lies half a step above the largest code (signed `Affine`, not narrow).
        Default: False for unsigned `Affine` and for "minmax", else True; True for "aciq_*" and,
        always, for "kl" and "mean_abs".
    power_of_two : bool
        Rounds the scale up to a power of two. What did not saturate does not either. (`BitPlanes`:
        every number of the basis to the nearest one, the lower of two; `PiecewiseLinear`: see its
        fit.)
    **options
        ``percentile=99.9`` in (0, 100], taken as the decimal number it prints as; ``top_k=10``;
        ``bins=2048``, a power of two in 16..65536; ``grid=100``, at most 10000.

    Returns
    -------
    scale : ndarray of float64
        ``()``, ``(channels,)``, ``(groups,)`` or ``(groups, channels)``, with a leading plane axis
        where the format has several planes.
    zero_point : ndarray of int64
        The same shape, without plane axis.

    Raises
    ------
    QuantizationError
        For NaN or infinity in `x`, a range that float64 does not hold, a format made from codes.
    ModeError
        For a method, option or symmetry that does not exist, or not for this format.
    OperandError
        For an `x` that does not hold real numbers, an `fmt` that is no format.
    ShapeError
        For axes `x` does not have.

    Notes
    -----
    alpha is the largest magnitude of the range, of the numbers >= 0 only where the format has no
    sign.

    ==================================  =======================================================
    `Affine`, symmetric                 ``alpha / code_max`` (127 for 8 signed bits, narrow or
                                        not; of 1 signed bit, codes -1 and 0, ``alpha``)
    `Affine`, not symmetric             lo, hi widened to contain 0;
                                        ``(hi - lo) / (code_max - code_min)``,
                                        ``zero_point = clamp(round(code_min - lo / scale))``,
                                        HALF_EVEN on the exact rational
    `LogQuant`                          ``2**FSR``, FSR the smallest with ``r <= FSR - 1`` (base
                                        sqrt(2): ``r <= 2 * FSR - 1``), r the logarithm of alpha
                                        rounded by the format's `log_rounding`
    `PowerOfTwo`, "inq"                 ``2**n1``, ``n1 = floor(log2(4 * alpha / 3))``
    all others                          ``alpha / largest level``
    ==================================  =======================================================

    Where the range is empty (no numbers, or all 0) the scale is 1 and the zero point 0. A scale
    that underflows is the smallest positive double.

    Examples
    --------
    >>> from pyqsim.formats import Affine
    >>> scale, zero_point = fit_scale([-1.0, 3.0], Affine(8, signed=False))
    >>> float(scale) * 255, int(zero_point)
    (4.0, 64)
    >>> fit_scale([-1.0, 3.0], Affine(8), power_of_two=True)[0]
    array(0.03125)
    """
    if method == K_MEANS:
        raise ModeError(f"method={method!r}, allowed: in quantize and Calibrator, for a Codebook")
    make = fit_maker(fmt, method, symmetric, power_of_two, **options)
    reals = real_array("x", x)
    granularity = Granularity(reals.shape, axis, group, group_axis)
    fits = [make(len(row)).fit(row) for row in granularity.rows(reals)]
    shape = granularity.parameter_shape
    planes = (fmt.planes,) if fmt.planes > 1 else ()
    scale = np.concatenate([scale for scale, _ in fits], axis=-1).reshape((*planes, *shape))
    ScaleRule.check(scale)
    return scale, np.concatenate([zero_point for _, zero_point in fits]).reshape(shape)
