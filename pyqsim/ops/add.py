"""Element-wise addition of two tensors with different scales."""

from __future__ import annotations

import numpy as np

from pyqsim.datapath import AddBias, AddZeroPoint, Clamp, Narrow, Requantize
from pyqsim.errors import DatapathError, OperandError, ShapeError
from pyqsim.execution import output_of_array
from pyqsim.modes import TRAP
from pyqsim.ops.encoding import Encoding, check_encoding, check_tensor
from pyqsim.requantize import DoubleRounding, SingleRounding
from pyqsim.tensor import QTensor

__all__ = ["add"]


def add(
    x: QTensor,
    y: QTensor,
    encoding: Encoding,
    *,
    scheme: DoubleRounding | SingleRounding | None = None,
    left_shift: int = 20,
) -> QTensor:
    """Add as TFLite's ADD does.

    With ``t = 2 * max(sx, sy)`` and Q the scheme::

        X = Q((x - zx) << left_shift, sx / t)       Y = Q((y - zy) << left_shift, sy / t)
        out = clamp(Q(X + Y, t / (2**left_shift * s_out)) + z_out)

    Parameters
    ----------
    x, y : QTensor
        Of an Affine format, one scale a tensor; shapes broadcast.
    encoding : Encoding
        Affine format, scale and zero point of the result.
    scheme : DoubleRounding or SingleRounding, optional
        Default: ``DoubleRounding()``, as the reference kernels.
    left_shift : int
        20 for 8-bit operands, 15 for 16-bit ones.

    Returns
    -------
    QTensor

    Notes
    -----
    Source: LiteRT reference_ops Add. The shifted operands and their sum are int32; a shift that
    leaves int32 raises OverflowTrap.

    Examples
    --------
    >>> import pyqsim as qs
    >>> x = qs.QTensor([10, -4], qs.Affine(8), scale=0.5)
    >>> y = qs.QTensor([3, 3], qs.Affine(8), scale=1.0)
    >>> add(x, y, Encoding(qs.Affine(8), 0.5)).real().tolist()
    [8.0, 1.0]
    """
    scheme = DoubleRounding() if scheme is None else scheme
    if not isinstance(scheme, (DoubleRounding, SingleRounding)):
        raise DatapathError(f"scheme={scheme!r}, allowed: DoubleRounding, SingleRounding")
    check_encoding(encoding)
    if not encoding.format.has_zero_point:
        raise OperandError(f"encoding: format={encoding.format!r}, allowed: Affine")
    for name, tensor in (("x", x), ("y", y)):
        check_tensor(name, tensor)
        if not tensor.format.has_zero_point or tensor.scale.ndim:
            raise OperandError(
                f"{name}: format={tensor.format!r}, scale.shape={tensor.scale.shape}, "
                "allowed: Affine, one scale a tensor"
            )
    try:
        shape = np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise ShapeError(f"x: {x.shape}, y: {y.shape}, allowed: shapes that broadcast") from None
    twice = 2 * max(float(x.scale), float(y.scale))
    scaled = [_rescale(tensor, twice, scheme, left_shift) for tensor in (x, y)]
    total = output_of_array(
        np.broadcast_to(scaled[0], shape),
        (AddBias(bits=32, overflow=TRAP), Requantize(scheme), AddZeroPoint(), _clamp(encoding)),
        bias=np.broadcast_to(scaled[1], shape).reshape(-1, shape[-1] if shape else 1),
        requantize=scheme.encode(twice / (2**left_shift * encoding.scale)),
        out_zero_point=encoding.zero_point,
    )
    return encoding.tensor(total)


def _rescale(
    tensor: QTensor, twice: float, scheme: DoubleRounding | SingleRounding, left_shift: int
) -> np.ndarray:
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


def _clamp(encoding: Encoding) -> Clamp:
    return Clamp(encoding.format.code_min, encoding.format.code_max)
