"""Gain and offset that undo what quantization does to mean and deviation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.fit import Reals
from pyqsim.calibration.rows import deviation, mean, real_rows
from pyqsim.errors import ShapeError

__all__ = ["bias_correction"]


def bias_correction(x: npt.ArrayLike, quantized: npt.ArrayLike) -> tuple[Reals, Reals]:
    """Gain and offset that make quantized rows deviate as the original ones do, about their mean.

    ``corrected = gain * quantized + offset``, ``gain = std(x) / std(quantized)``,
    ``offset = gain * (mean(x) - mean(quantized))``. The gain belongs into the scales. The offset
    is added to every weight, and so adds ``offset * sum(activations)`` to an output. The mean of
    the result is ``gain * mean(x)``: the program adds before it multiplies.

    Parameters
    ----------
    x, quantized : array_like of float, shape (parameters, elements)
        The reals before and after quantization.

    Returns
    -------
    gain, offset : ndarray of float64, shape (parameters,)

    Raises
    ------
    ShapeError
        For other shapes.

    Notes
    -----
    Where either deviation is 0 the gain is 1. (The program adds 1e-12 to std(quantized), and maps
    a row of equal numbers to 0.)

    Examples
    --------
    >>> gain, offset = bias_correction([[-1.0, 1.0]], [[0.0, 1.0]])
    >>> gain * [0.0, 1.0] + offset
    array([-1.,  1.])
    """
    before, after = real_rows(x), real_rows(quantized)
    if before.shape != after.shape:
        raise ShapeError(f"quantized.shape={after.shape}, allowed: {before.shape}")
    gains, offsets = [], []
    for row, codes in zip(before, after, strict=True):
        wide, narrow = deviation(row), deviation(codes)
        gains.append(wide / narrow if wide > 0 and narrow > 0 else 1.0)
        offsets.append(gains[-1] * (mean(row) - mean(codes)))
    return np.array(gains), np.array(offsets)
