"""FINN: a monotone requantize as thresholds, and how FINN makes thresholds integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_int
from pyqsim.datapath import Table, Thresholds
from pyqsim.errors import DatapathError
from pyqsim.parameters import Parameters
from pyqsim.requantize.base import SchemeBase

__all__ = ["Thresholds", "round_and_clip_thresholds", "thresholds_of"]


def thresholds_of(
    scheme: SchemeBase,
    parameters: Parameters,
    *,
    acc: tuple[int, int],
    codes: tuple[int, int],
    zero_point: int = 0,
    channels: int | None = None,
) -> Thresholds:
    """Thresholds that give the same codes as a scheme: ``T_k = min{acc : f(acc) >= k}``.

    f is the scheme, the zero point and the clamp to `codes`; the thresholds count codes above
    ``codes[0]``, so that ``f(acc) = codes[0] + how many thresholds are <= acc``. Codes that no
    accumulator reaches get the threshold ``acc[1] + 1``.

    Parameters
    ----------
    scheme : SchemeBase
        Must be monotone over the accumulators; where the ends show that it is not (a scheme that
        wraps), an error is raised.
    parameters : Parameters
        One for all, or one a channel.
    acc : (int, int)
        Smallest and largest accumulator.
    codes : (int, int)
        Smallest and largest code.
    zero_point : int
    channels : int, optional
        Number of channels, for parameters that have one a channel.

    Returns
    -------
    Thresholds
        An output step: (codes,), or (channels, codes) with `channels`.

    Notes
    -----
    Found by bisection, all thresholds at once.

    Examples
    --------
    >>> from pyqsim.requantize import FloatScale
    >>> scheme = FloatScale()
    >>> step = thresholds_of(scheme, scheme.encode(0.25), acc=(-100, 100), codes=(0, 3))
    >>> step.values
    [3, 6, 11]
    """
    low, high = _pair("acc", acc)
    first, last = _pair("codes", codes)
    zero_point = check_int("thresholds_of", "zero_point", zero_point, -(2**31), 2**31 - 1)
    wanted = np.arange(first + 1, last + 1, dtype=np.int64)[:, None]
    n = 1 if channels is None else check_int("thresholds_of", "channels", channels, 1, 2**31 - 1)

    def code(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        scaled = scheme.apply(values, parameters, zero_point=zero_point, clamp=(first, last))
        return scaled.astype(np.int64)

    ends = code(np.array([[low] * n, [high] * n]))
    if (ends[0] > ends[1]).any():
        raise DatapathError(f"thresholds_of: {scheme!r} falls over acc={acc}, allowed: monotone")
    below = np.full((len(wanted), n), low - 1, dtype=np.int64)  # f < k, as far as it is known
    reached = np.full((len(wanted), n), high + 1, dtype=np.int64)  # f >= k
    while wanted.size and (reached - below > 1).any():
        middle = np.where(reached - below > 1, (below + reached) >> 1, np.clip(reached, low, high))
        enough = (code(middle) >= wanted) & (reached - below > 1)
        short = ~enough & (reached - below > 1)
        below, reached = np.where(short, middle, below), np.where(enough, middle, reached)
    if (np.diff(reached, axis=0) < 0).any():
        raise DatapathError(f"thresholds_of: {scheme!r} over acc={acc}, allowed: monotone")
    return Thresholds(Table(reached[:, 0] if channels is None else reached.T))


def _pair(name: str, value: object) -> tuple[int, int]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise DatapathError(f"thresholds_of: {name}={value!r}, allowed: (smallest, largest)")
    low, high = (check_int("thresholds_of", name, v, -(2**62), 2**62) for v in value)
    if low > high:
        raise DatapathError(f"thresholds_of: {name}={value!r}, allowed: (smallest, largest)")
    return low, high


def round_and_clip_thresholds(thresholds: npt.ArrayLike, acc_min: int, acc_max: int) -> Thresholds:
    """Real thresholds to integers as FINN does: ceil, then clip to the accumulator's range.

    ``acc >= T`` and ``acc >= ceil(T)`` are the same for integers. A threshold clipped down to
    acc_max is reached by acc_max although the real one was not: give ``acc_max`` one more than the
    largest accumulator to keep it out of reach.

    Notes
    -----
    Source: Xilinx/finn streamline/round_thresholds.py, matrixvectoractivation.py (read). That the
    comparison is >= is what QONNX, which executes FINN's networks, does.

    Examples
    --------
    >>> round_and_clip_thresholds([-99.5, 0.2, 1.0, 99.0], -8, 7).values
    [-8, 1, 1, 7]
    """
    real = np.asarray(thresholds, dtype=np.float64)
    if not np.isfinite(real).all():
        raise DatapathError("round_and_clip_thresholds: allowed: finite thresholds")
    return Thresholds(Table(np.clip(np.ceil(real), acc_min, acc_max).astype(np.int64)))
