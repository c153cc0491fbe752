"""Codes of one scale and zero point to codes of another one."""

from __future__ import annotations

from pyqsim.datapath import AddZeroPoint, Requantize, Scheme
from pyqsim.errors import DatapathError
from pyqsim.execution import output_of_array
from pyqsim.ops.encoding import Encoding, check_affine, check_affine_encoding, clamp_of
from pyqsim.parameters import Parameters
from pyqsim.requantize import DoubleRounding
from pyqsim.requantize.base import encoded
from pyqsim.tensor import QTensor

__all__ = ["rescale"]


def rescale(
    x: QTensor,
    encoding: Encoding,
    *,
    scheme: Scheme | None = None,
    requantize: Parameters | None = None,
) -> QTensor:
    """Requantize codes, as TFLite's QUANTIZE does to integers.

    ``out = clamp(Q(x - zx, sx / s_out) + z_out)``, Q the scheme.

    Parameters
    ----------
    x : QTensor
        Of an Affine format, one scale.
    encoding : Encoding
        Affine format, scale and zero point of the result.
    scheme : Scheme, optional
        Default: ``DoubleRounding()``, as the reference kernels. LiteRT's optimized x86 kernels:
        ``DoubleRounding("half_up")``.
    requantize : Parameters, optional
        Default: ``scheme.encode(sx / s_out)``, the quotient in float64.

    Returns
    -------
    QTensor

    Notes
    -----
    Source: LiteRT reference_ops Requantize (verified, with TFLite Micro). XNNPACK's qs8-vcvt is
    ``FixedPoint(15, shift=8)`` with ``FixedPointFactor(rint(256 * F(sx / s_out)), 8)``, F = to
    float32 (verified through LiteRT).

    Examples
    --------
    >>> import pyqsim as qs
    >>> x = qs.QTensor([-3, 5, 90], qs.Affine(8), scale=0.5, zero_point=1)
    >>> rescale(x, Encoding(qs.Affine(8, signed=False), 1.0, 128)).codes.tolist()
    [126, 130, 173]
    """
    scheme = DoubleRounding() if scheme is None else scheme
    if not isinstance(scheme, Scheme):
        raise DatapathError(f"scheme={scheme!r}, allowed: a Scheme")
    check_affine_encoding(encoding)
    check_affine("x", x)
    if requantize is None:
        requantize = encoded(scheme, float(x.scale) / encoding.scale)
    centred = output_of_array(x.codes, (AddZeroPoint(),), out_zero_point=-int(x.zero_point))
    codes = output_of_array(
        centred,
        (Requantize(scheme), AddZeroPoint(), clamp_of(encoding)),
        requantize=requantize,
        out_zero_point=encoding.zero_point,
    )
    return encoding.tensor(codes)
