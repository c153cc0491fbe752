"""Element-wise sum and difference of two tensors with different scales, as TFLite has them."""

from __future__ import annotations

import numpy as np

from pyqsim.datapath import AddBias, AddZeroPoint, Narrow, Requantize
from pyqsim.errors import DatapathError
from pyqsim.execution import output_of_array
from pyqsim.modes import TRAP
from pyqsim.ops.encoding import (
    Encoding,
    broadcast_shape,
    check_affine,
    check_affine_encoding,
    clamp_of,
)
from pyqsim.requantize import DoubleRounding, SingleRounding
from pyqsim.tensor import QTensor

__all__ = ["add", "subtract"]

_Scheme = DoubleRounding | SingleRounding


def add(
    x: QTensor,
    y: QTensor,
    encoding: Encoding,
    *,
    scheme: DoubleRounding | SingleRounding | None = None,
    operand_scheme: DoubleRounding | SingleRounding | None = None,
    left_shift: int = 20,
) -> QTensor:
    """Add as TFLite's ADD does.

    With ``t = 2 * max(sx, sy)``, Q the scheme and P the operands' scheme::

        X = P((x - zx) << left_shift, sx / t)       Y = P((y - zy) << left_shift, sy / t)
        out = clamp(Q(X + Y, t / (2**left_shift * s_out)) + z_out)

    Parameters
    ----------
    x, y : QTensor
        Of an Affine format, one scale a tensor; shapes broadcast.
    encoding : Encoding
        Affine format, scale and zero point of the result.
    scheme : DoubleRounding or SingleRounding, optional
        Default: ``DoubleRounding()``, as the reference kernels.
    operand_scheme : DoubleRounding or SingleRounding, optional
        Default: `scheme`. LiteRT's optimized x86 kernels for int8 and int16: ``SingleRounding()``,
        while the sum is scaled by ``DoubleRounding()``.
    left_shift : int
        20 for 8-bit operands, 15 for 16-bit ones.

    Returns
    -------
    QTensor

    Notes
    -----
    Source: LiteRT reference_ops Add (verified, with TFLite Micro). The shifted operands and their
    sum are int32; a shift that leaves int32 raises OverflowTrap. XNNPACK's sum is `weighted_add`.

    Examples
    --------
    >>> import pyqsim as qs
    >>> x = qs.QTensor([10, -4], qs.Affine(8), scale=0.5)
    >>> y = qs.QTensor([3, 3], qs.Affine(8), scale=1.0)
    >>> add(x, y, Encoding(qs.Affine(8), 0.5)).real().tolist()
    [8.0, 1.0]
    """
    return _sum(x, y, 1, encoding, scheme, operand_scheme, left_shift)


def subtract(
    x: QTensor,
    y: QTensor,
    encoding: Encoding,
    *,
    scheme: DoubleRounding | SingleRounding | None = None,
    operand_scheme: DoubleRounding | SingleRounding | None = None,
    left_shift: int = 20,
) -> QTensor:
    """Subtract as TFLite's SUB does: `add` with ``X - Y``.

    Parameters
    ----------
    x, y, encoding, scheme, operand_scheme, left_shift : see `add`
        LiteRT's optimized x86 kernels for 8 bits are here as the reference is.

    Returns
    -------
    QTensor

    Notes
    -----
    Source: LiteRT reference_ops SubWithBroadcast (verified, with TFLite Micro).

    Examples
    --------
    >>> import pyqsim as qs
    >>> x = qs.QTensor([10, -4], qs.Affine(8), scale=0.5)
    >>> y = qs.QTensor([3, 3], qs.Affine(8), scale=1.0)
    >>> subtract(x, y, Encoding(qs.Affine(8), 0.5)).real().tolist()
    [2.0, -5.0]
    """
    return _sum(x, y, -1, encoding, scheme, operand_scheme, left_shift)


def _sum(
    x: QTensor,
    y: QTensor,
    sign: int,
    encoding: Encoding,
    scheme: _Scheme | None,
    operand_scheme: _Scheme | None,
    left_shift: int,
) -> QTensor:
    scheme = DoubleRounding() if scheme is None else scheme
    operand_scheme = scheme if operand_scheme is None else operand_scheme
    for name, value in (("scheme", scheme), ("operand_scheme", operand_scheme)):
        if not isinstance(value, (DoubleRounding, SingleRounding)):
            raise DatapathError(f"{name}={value!r}, allowed: DoubleRounding, SingleRounding")
    check_affine_encoding(encoding)
    check_affine("x", x)
    check_affine("y", y)
    shape = broadcast_shape(x, y)
    twice = 2 * max(float(x.scale), float(y.scale))
    scaled = [_rescale(tensor, twice, operand_scheme, left_shift) for tensor in (x, y)]
    total = output_of_array(
        np.broadcast_to(scaled[0], shape),
        (AddBias(bits=32, overflow=TRAP), Requantize(scheme), AddZeroPoint(), clamp_of(encoding)),
        bias=sign * np.broadcast_to(scaled[1], shape).reshape(-1, shape[-1] if shape else 1),
        requantize=scheme.encode(twice / (2**left_shift * encoding.scale)),
        out_zero_point=encoding.zero_point,
    )
    return encoding.tensor(total)


def _rescale(tensor: QTensor, twice: float, scheme: _Scheme, left_shift: int) -> np.ndarray:
    steps = (
        AddZeroPoint(),
        Narrow(shift=-left_shift, bits=32, overflow=TRAP),
        Requantize(scheme),
    )
    return output_of_array(
        tensor.codes,
        steps,
        requantize=scheme.encode(float(tensor.scale) / twice),
        out_zero_point=-int(tensor.zero_point),
    )
