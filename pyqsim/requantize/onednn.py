"""The numbers that oneDNN's int8 kernels scale by in PyTorch: scales as they come back."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.parameters import FloatChain
from pyqsim.requantize.encoding import real_scales

__all__ = ["onednn_chain"]


def onednn_chain(
    input_scale: npt.ArrayLike,
    weight_scale: npt.ArrayLike,
    output_scale: npt.ArrayLike,
    bias: npt.ArrayLike = 0.0,
    *,
    operator: Literal["linear", "conv"] = "linear",
    cpu: Literal["vnni", "avx2"] = "vnni",
) -> FloatChain:
    """PyTorch's engine "onednn": for `FloatScale` with ``zero_point="before"``.

    With ``R(s) = F(1 / F(1 / s))``, because the scales are handed over as reciprocals::

        y = F(F(F(F(F(x) * R(sx)) * sw) + bias) * F(1 / sy))         sw is R(sw) for "linear"
        y = F(F(F(F(x) * F(R(sx) * sw)) + bias) * F(1 / sy))         on a CPU without VNNI

    Parameters
    ----------
    input_scale, output_scale : float
        Rounded to float32 first, as are all.
    weight_scale : float or array_like of float, (N,)
    bias : float or array_like of float, (N,)
        A real number, as PyTorch has it: not in units of the accumulator.
    operator : {"linear", "conv"}
        Convolutions, depthwise too, take the weights' scales as they are. The engine "x86" hands
        its convolutions to oneDNN on a CPU with VNNI.
    cpu : {"vnni", "avx2"}
        "avx2": for `torch-onednn-avx2`.

    Returns
    -------
    FloatChain

    Notes
    -----
    Source: PyTorch 2.13.0, observed with data beside ties (verified, "avx2" under qemu-x86_64 -cpu
    Haswell). There depthwise layers of several channels with a depth multiplier are those of
    oneDNN's reference, ``F(v / R(sy))`` at the end of the first formula: no chain is that.

    Examples
    --------
    >>> chain = onednn_chain(0.1, 0.3, 0.7)
    >>> float(chain.first) == float(np.float32(0.1)), chain.last.tolist()
    (True, 1.4285714626312256)
    """
    check_choice("onednn_chain", "operator", operator, ("linear", "conv"))
    check_choice("onednn_chain", "cpu", cpu, ("vnni", "avx2"))
    sx, sw, sy = (
        real_scales("onednn_chain", scale).astype(np.float32)
        for scale in (input_scale, weight_scale, output_scale)
    )
    addend = np.asarray(bias, dtype=np.float64).astype(np.float32)
    one = np.float32(1)
    first, second = _twice_inverted(sx), _twice_inverted(sw) if operator == "linear" else sw
    if cpu == "avx2":
        first, second = first * second, np.ones((), np.float32)
    return FloatChain(first, second, addend, one / sy)


def _twice_inverted(scale: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    one = np.float32(1)
    return np.asarray(one / (one / scale), dtype=np.float32)
