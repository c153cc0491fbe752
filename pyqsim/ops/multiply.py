"""Element-wise product of two tensors with different scales."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pyqsim.checks import check_choice, check_int
from pyqsim.datapath import AddZeroPoint, Narrow, OutputStep, Requantize, Scheme, Stage
from pyqsim.errors import DatapathError
from pyqsim.execution import output_of_array
from pyqsim.modes import SATURATE, TRAP
from pyqsim.ops.encoding import (
    Encoding,
    broadcast_shape,
    check_affine,
    check_affine_encoding,
    clamp_of,
)
from pyqsim.requantize import (
    DoubleRounding,
    FixedPointFactor,
    Staged,
    effective_scale,
    onnxruntime_scale,
)
from pyqsim.requantize.base import encoded
from pyqsim.tensor import QTensor

__all__ = ["multiply"]

_PRODUCT = Staged((Stage(Narrow(bits=32, overflow=TRAP), multiplier=True),))


def multiply(
    x: QTensor,
    y: QTensor,
    encoding: Encoding,
    *,
    scheme: Scheme | None = None,
    scale_rule: Literal["float64", "float32"] = "float64",
    scaled_bits: int | None = None,
) -> QTensor:
    """Multiply as TFLite's MUL does.

    ``out = clamp(Q((x - zx) * (y - zy), sx * sy / s_out) + z_out)``, Q the scheme.

    Parameters
    ----------
    x, y : QTensor
        Of an Affine format, one scale a tensor; shapes broadcast.
    encoding : Encoding
        Affine format, scale and zero point of the result.
    scheme : Scheme, optional
        Default: ``DoubleRounding()``, as the reference kernels. XNNPACK: ``FloatScale()``.
    scale_rule : {"float64", "float32"}
        How ``sx * sy / s_out`` is computed from float32 scales: TFLite Micro "float64"; LiteRT and
        XNNPACK "float32", product and quotient rounded.
    scaled_bits : int, optional
        A register between Q and the zero point: Q saturates to it, and adding the zero point wraps
        in it. 16 in LiteRT's optimized x86 kernels for 8 bits; none in the others.

    Returns
    -------
    QTensor

    Notes
    -----
    Source: LiteRT kernels/mul.cc, reference_ops Mul; TFLite Micro mul_common.cc (verified). The
    product is int32; one that leaves it raises OverflowTrap.

    Examples
    --------
    >>> import pyqsim as qs
    >>> x = qs.QTensor([10, -4], qs.Affine(8), scale=0.5)
    >>> y = qs.QTensor([3, 3], qs.Affine(8), scale=1.0, zero_point=1)
    >>> multiply(x, y, Encoding(qs.Affine(8), 0.5)).codes.tolist()
    [20, -8]
    """
    scheme = DoubleRounding() if scheme is None else scheme
    if not isinstance(scheme, Scheme):
        raise DatapathError(f"scheme={scheme!r}, allowed: a Scheme")
    check_choice("multiply", "scale_rule", scale_rule, ("float64", "float32"))
    check_affine_encoding(encoding)
    check_affine("x", x)
    check_affine("y", y)
    shape = broadcast_shape(x, y)
    scale_of = effective_scale if scale_rule == "float64" else onnxruntime_scale
    with np.errstate(all="ignore"):  # encode refuses infinity, zero and NaN
        real = scale_of(float(x.scale), float(y.scale), encoding.scale)
    total = output_of_array(
        _products(x, y, shape),
        (Requantize(scheme), *_to_codes(encoding, scaled_bits)),
        requantize=encoded(scheme, real),
        out_zero_point=encoding.zero_point,
    )
    return encoding.tensor(total)


def _products(x: QTensor, y: QTensor, shape: tuple[int, ...]) -> np.ndarray:
    """``(x - zx) * (y - zy)`` in int32."""
    first, second = (
        np.broadcast_to(
            output_of_array(t.codes, (AddZeroPoint(),), out_zero_point=-int(t.zero_point)), shape
        )
        for t in (x, y)
    )
    factor = FixedPointFactor(second.reshape(-1, shape[-1] if shape else 1), np.asarray(0))
    return output_of_array(first, (Requantize(_PRODUCT),), requantize=factor)


def _to_codes(encoding: Encoding, scaled_bits: int | None) -> tuple[OutputStep, ...]:
    if scaled_bits is None:
        return (AddZeroPoint(), clamp_of(encoding))
    bits = check_int("multiply", "scaled_bits", scaled_bits, 2, 64)
    register = Narrow(bits=bits, overflow=SATURATE)
    return (register, AddZeroPoint(bits), clamp_of(encoding))
