"""Element-wise sum of two tensors as XNNPACK has it: one multiplier an operand, one rounding."""

from __future__ import annotations

from math import frexp

import numpy as np

from pyqsim.checks import check_bool
from pyqsim.datapath import Accumulate, AddZeroPoint, Datapath, Narrow
from pyqsim.errors import OperandError, QuantizationError
from pyqsim.modes import HALF_UP
from pyqsim.ops.encoding import (
    Encoding,
    broadcast_shape,
    check_affine,
    check_affine_encoding,
    clamp_of,
)
from pyqsim.ops.matmul import matmul
from pyqsim.tensor import QTensor

__all__ = ["weighted_add"]

_MULTIPLIER_BITS = 20


def weighted_add(x: QTensor, y: QTensor, encoding: Encoding, *, subtract: bool = False) -> QTensor:
    """Add, or subtract, as XNNPACK does: a dot product of two terms.

    With ``A = F(sx / s_out), B = F(sy / s_out)``, F = to float32, ``e`` the exponent of the larger
    one (``2**e <= max(A, B) < 2**(e + 1)``) and ``s = 20 - e``::

        a = rint(A * 2**s)          b = rint(B * 2**s)          ties to even
        out = clamp(HALF_UP((x - zx) * a + (y - zy) * b, s) + z_out)

    Parameters
    ----------
    x, y : QTensor
        Of an Affine format of up to 8 bits, one scale a tensor; shapes broadcast.
    encoding : Encoding
        Affine format, scale and zero point of the result; A and B are 2**-10 up to below 2**8.
    subtract : bool
        ``- (y - zy) * b``.

    Returns
    -------
    QTensor

    Notes
    -----
    Source: google/XNNPACK, xnn_init_qs8_add_minmax_scalar_params and the qs8-vadd kernels
    (verified through LiteRT, whose default it is).

    Examples
    --------
    A tie goes up, where TFLite's `add` may send it away from zero:

    >>> import pyqsim as qs
    >>> x, y = (qs.QTensor([-1], qs.Affine(8), 0.25) for _ in range(2))
    >>> weighted_add(x, y, Encoding(qs.Affine(8))).codes.tolist()
    [0]
    """
    check_affine_encoding(encoding)
    for name, tensor in (("x", x), ("y", y)):
        check_affine(name, tensor)
        if tensor.format.code_bits > 8:
            raise OperandError(f"{name}: format={tensor.format!r}, allowed: up to 8 bits")
    sign = -1 if check_bool("weighted_add", "subtract", subtract) else 1
    shape = broadcast_shape(x, y)
    a, b, shift = _multipliers(float(x.scale), float(y.scale), encoding.scale)
    b *= sign
    machine = Datapath(
        reduce=(Accumulate(32, start="bias"),),
        output=(Narrow(shift=shift, rounding=HALF_UP), AddZeroPoint(), clamp_of(encoding)),
    )
    codes = [np.broadcast_to(tensor.codes, shape).reshape(-1) for tensor in (x, y)]
    total = matmul(
        np.stack(codes, axis=1).astype(np.int16),
        [[a], [b]],
        machine,
        bias=-a * int(x.zero_point) - b * int(y.zero_point),
        out_zero_point=encoding.zero_point,
    )
    return encoding.tensor(total.reshape(shape))


def _multipliers(x_scale: float, y_scale: float, out_scale: float) -> tuple[int, int, int]:
    """Multipliers of both operands, and the right shift."""
    with np.errstate(all="ignore"):
        ratios = np.array([x_scale, y_scale], np.float32) / np.float32(out_scale)
    for name, ratio in zip("xy", ratios, strict=True):
        if not 2.0**-10 <= ratio < 2.0**8:
            raise QuantizationError(
                f"weighted_add: scale of {name} / scale of the result={ratio}, allowed: 2**-10 up "
                "to below 2**8"
            )
    shift = _MULTIPLIER_BITS - (frexp(ratios.max())[1] - 1)
    a, b = np.rint(ratios.astype(np.float64) * 2.0**shift).astype(int).tolist()
    return a, b, shift
