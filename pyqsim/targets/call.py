"""The data that a target's steps read, with neutral values for what a caller does not give."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.datapath import AddZeroPoint
from pyqsim.parameters import Parameters
from pyqsim.requantize.base import encoded
from pyqsim.targets.target import Target

__all__ = ["call_data"]


def call_data(
    target: Target,
    *,
    bias: npt.ArrayLike | None = None,
    scale: npt.ArrayLike | None = None,
    requantize: Parameters | None = None,
    out_zero_point: npt.ArrayLike | None = None,
) -> dict[str, Any]:
    """Keyword arguments of `pyqsim.matmul` for a target: exactly those its steps read.

    Parameters
    ----------
    target : Target
    bias, out_zero_point : array_like of int, optional
        Default 0; left out where no step reads them.
    scale : array_like of float, optional
        Real factor, encoded as the target's scheme does; default 1.
    requantize : Multiplier, FloatFactor or PowerOfTwoFactor, optional
        Parameters as they are, instead of `scale`.

    Returns
    -------
    dict

    Examples
    --------
    >>> import pyqsim as qs
    >>> t = qs.targets.get("x86-vpdpbusds")
    >>> qs.matmul([[255] * 4], [[127]] * 4, t.datapath, **call_data(t, bias=5)).tolist()
    [[129545]]
    """
    data: dict[str, Any] = {}
    if target.datapath.reads_bias:
        data["bias"] = 0 if bias is None else bias
    if target.scheme is not None:
        real = 1.0 if scale is None else scale
        data["requantize"] = requantize or encoded(target.scheme, np.asarray(real))
    if any(isinstance(step, AddZeroPoint) for step in target.datapath.output):
        data["out_zero_point"] = 0 if out_zero_point is None else out_zero_point
    return data
