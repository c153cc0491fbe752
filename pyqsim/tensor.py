"""A quantized tensor: codes, their format, and the scales and zero points of the data."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.checks import array_of, integer_array
from pyqsim.errors import CodeError, OperandError, ShapeError
from pyqsim.formats.base import Format, check_format, first_place, scale_array

__all__ = ["Granularity", "QTensor"]


@dataclass(frozen=True, slots=True)
class Granularity:
    """Which elements of an array share a scale and a zero point.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array.
    axis : int, optional
        One parameter a channel, channels along this axis.
    group : int, optional
        One parameter for every `group` elements along `group_axis`; the last group may be short.
    group_axis : int
        Must differ from `axis`; without `group` it has no meaning.

    Raises
    ------
    ShapeError
        For axes the array does not have, or a group below 1.

    Examples
    --------
    >>> g = Granularity((5, 2), axis=1, group=4)
    >>> g.parameter_shape
    (2, 2)
    >>> g.spread(np.array([[1, 2], [3, 4]]))
    array([[1, 2],
           [1, 2],
           [1, 2],
           [1, 2],
           [3, 4]])
    """

    shape: tuple[int, ...]
    axis: int | None = None
    group: int | None = None
    group_axis: int = 0

    def __post_init__(self) -> None:
        if self.axis is not None:
            object.__setattr__(self, "axis", self._checked_axis("axis", self.axis))
        if self.group is None:
            return
        object.__setattr__(self, "group_axis", self._checked_axis("group_axis", self.group_axis))
        if not _is_int(self.group) or self.group < 1:
            raise ShapeError(f"group={self.group!r}, allowed: an int >= 1")
        object.__setattr__(self, "group", int(self.group))
        if self.axis == self.group_axis:
            raise ShapeError(f"group_axis={self.group_axis}, allowed: any but axis={self.axis}")

    def _checked_axis(self, name: str, axis: int) -> int:
        ndim = len(self.shape)
        if not _is_int(axis) or not -ndim <= axis < ndim:
            raise ShapeError(
                f"{name}={axis!r}, allowed: {-ndim}..{ndim - 1} for shape {self.shape}"
                if ndim
                else f"{name}={axis!r}, allowed: None for an array without axes"
            )
        return int(axis) % ndim

    @property
    def parameter_shape(self) -> tuple[int, ...]:
        """``()``, ``(channels,)``, ``(groups,)`` or ``(groups, channels)``."""
        groups = () if self.group is None else (-(-self.shape[self.group_axis] // self.group),)
        channels = () if self.axis is None else (self.shape[self.axis],)
        return (*groups, *channels)

    def parameters(
        self, fmt: Format, scale: npt.ArrayLike, zero_point: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Check scales and zero points and copy them into their full shape.

        Parameters
        ----------
        fmt : Format
            Where it has several planes, scales have a leading plane axis.
        scale : array_like of float
            A scalar, which stands for all of them, or of the full shape.
        zero_point : array_like of int
            Likewise.

        Returns
        -------
        scale : ndarray of float64, shape `parameter_shape`, or ``(planes, *parameter_shape)``
        zero_point : ndarray of int64, shape `parameter_shape`

        Raises
        ------
        ShapeError
            For any other shape.
        OperandError
            For scales that are not real numbers, zero points that are not integers.
        QuantizationError
            For values the format cannot use.
        """
        planes = (fmt.planes,) if fmt.planes > 1 else ()
        scales = _full("scale", scale_array(scale), (*planes, *self.parameter_shape))
        fmt.check_scale(scales)
        zero_points = integer_array("zero_point", zero_point).astype(np.int64)
        zero_points = _full("zero_point", zero_points, self.parameter_shape)
        fmt.check_zero_point(zero_points)
        return scales, zero_points

    def spread(self, parameters: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Lay parameters out so that they broadcast to the array.

        Parameters
        ----------
        parameters : ndarray, shape `parameter_shape`

        Returns
        -------
        ndarray, of the array's ndim, each axis the array's or 1
        """
        layout = [1] * len(self.shape)
        if self.axis is not None:
            layout[self.axis] = self.shape[self.axis]
        if self.group is not None:
            size = layout[self.group_axis] = self.shape[self.group_axis]
            parameters = np.repeat(parameters, self.group, axis=0)[:size]
            if self.axis is not None and self.axis < self.group_axis:
                parameters = parameters.T
        return parameters.reshape(layout)

    def rows(self, array: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Cut the array into rows of elements that share a parameter.

        Parameters
        ----------
        array : ndarray, shape `shape`

        Returns
        -------
        list of one or two ndarrays, shape (parameters, elements)
            The parameters of all rows together are in C order of `parameter_shape`. Two where
            the last group is short: its rows are shorter.
        """
        if self.axis is None:
            array = array[..., np.newaxis]
        array = np.moveaxis(array, -1 if self.axis is None else self.axis, 0)
        if self.group is None:
            return [array.reshape(array.shape[0], prod(array.shape[1:]))]
        after_channels = self.group_axis + (self.axis is None or self.axis > self.group_axis)
        array = np.moveaxis(array, after_channels, 0)
        whole = len(array) - len(array) % self.group
        rows = [_group_rows(array[:whole], self.group)]
        if whole < len(array):
            rows.append(_group_rows(array[whole:], len(array) - whole))
        return rows


def _group_rows(array: npt.NDArray[Any], group: int) -> npt.NDArray[Any]:
    """(size, channels, ...) -> (size / group * channels, group * ...)."""
    size, channels, *rest = array.shape
    blocks = array.reshape(size // group, group, channels, prod(rest)).swapaxes(1, 2)
    return blocks.reshape(size // group * channels, group * prod(rest))


def _full(name: str, values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Copy values of this shape, or one value that stands for all of them."""
    if values.shape not in ((), shape):
        raise ShapeError(f"{name}.shape={values.shape}, allowed: a scalar or {shape}")
    return np.array(np.broadcast_to(values, shape), order="C")


def _is_int(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class QTensor:
    """Codes, their format and the scales: ``real = scale * (N(code) - zero_point) * 2**-F``.

    A frozen value: its arrays are copies and read-only, and it compares and hashes by content.

    Parameters
    ----------
    codes : array_like of int, any shape
        Any integer dtype, byte order and strides; each in ``fmt.code_min..fmt.code_max``.
    fmt : Format
    scale : array_like of float
        Finite, > 0. A scalar, or one for each channel, group or both:
        ``(channels,)``, ``(groups,)`` or ``(groups, channels)``, with a leading plane axis where
        the format has several planes. A scalar stands for all of them.
    zero_point : array_like of int
        Integers of the same shapes (without plane axis), in ``fmt.code_min..fmt.code_max``; 0 in
        a format without zero point.
    axis : int, optional
        Channels lie along this axis of the codes.
    group : int, optional
        One scale for every `group` elements along `group_axis`, ``ceil(K / group)`` groups.
    group_axis : int
        The axis of K.

    Attributes
    ----------
    codes : ndarray of fmt.code_dtype
        C-contiguous, native byte order.
    format : Format
    scale : ndarray of float64
        Of the full shape, ``()`` if there is one scale.
    zero_point : ndarray of int64
    axis, group, group_axis
        As given; axes counted from 0.

    Raises
    ------
    OperandError
        For codes or zero points that are not integers, or an `fmt` that is no format.
    CodeError
        For a code outside the format's range: the first in C order.
    QuantizationError
        For a scale that is not finite and positive, or a zero point outside its range.
    ShapeError
        For scales, zero points or axes that do not meet the codes.

    Examples
    --------
    >>> from pyqsim.formats import Affine
    >>> q = QTensor([[1, 2], [3, 4]], Affine(8), scale=[0.5, 10.0], axis=1)
    >>> q.real()
    array([[ 0.5, 20. ],
           [ 1.5, 40. ]])
    >>> q
    QTensor(shape=(2, 2), format=Affine(bits=8, signed=True, narrow=False), scale=(2,), axis=1)
    """

    codes: npt.NDArray[Any]
    format: Format
    scale: npt.NDArray[np.float64]
    zero_point: npt.NDArray[np.int64]
    axis: int | None
    group: int | None
    group_axis: int

    def __init__(
        self,
        codes: npt.ArrayLike,
        fmt: Format,
        scale: npt.ArrayLike = 1.0,
        zero_point: npt.ArrayLike = 0,
        axis: int | None = None,
        group: int | None = None,
        group_axis: int = 0,
    ) -> None:
        check_format(fmt)
        stored = _checked_codes(codes, fmt)
        granularity = Granularity(stored.shape, axis, group, group_axis)
        scales, zero_points = granularity.parameters(fmt, scale, zero_point)
        for name, value in (
            ("codes", stored),
            ("format", fmt),
            ("scale", scales),
            ("zero_point", zero_points),
            ("axis", granularity.axis),
            ("group", granularity.group),
            ("group_axis", granularity.group_axis),
        ):
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the codes."""
        return self.codes.shape

    @property
    def ndim(self) -> int:
        """Number of axes of the codes."""
        return self.codes.ndim

    def integers(self) -> npt.NDArray[np.int64]:
        """The exact integer N of every element; the zero point is not in it.

        Returns
        -------
        ndarray of int64, shape of the codes, with a leading plane axis where planes > 1
        """
        return self.format.decode(self.codes)

    def patterns(self) -> npt.NDArray[np.int64]:
        """The bit pattern of every code.

        Returns
        -------
        ndarray of int64, shape of the codes, 0..2**code_bits - 1
        """
        return self.format.patterns(self.codes)

    def real(self) -> npt.NDArray[np.float64]:
        """The real numbers the codes stand for.

        Returns
        -------
        ndarray of float64, shape of the codes
            ``(N - zero_point) * 2**-F`` (exact up to 53 significant bits) times the scale, rounded
            once; where there are several planes, added in their order.
        """
        granularity = Granularity(self.shape, self.axis, self.group, self.group_axis)
        planes = self.format.planes
        integers = self.integers().reshape(planes, *self.shape)
        levels = np.ldexp(
            (integers - granularity.spread(self.zero_point)).astype(np.float64),
            -self.format.frac_bits,
        )
        scales = self.scale.reshape(planes, *granularity.parameter_shape)
        total = np.zeros(self.shape)
        for level, scale in zip(levels, scales, strict=True):
            total = total + level * granularity.spread(scale)
        return total

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QTensor):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        arrays = (self.codes.tobytes(), self.scale.tobytes(), self.zero_point.tobytes())
        return (self.format, self.shape, self.axis, self.group, self.group_axis, *arrays)

    def __repr__(self) -> str:
        parts = [f"shape={self.shape}", f"format={self.format}"]
        for name in ("scale", "zero_point"):
            value = getattr(self, name)
            if value.any():
                parts.append(f"{name}={value.shape if value.ndim else value.item()}")
        if self.axis is not None:
            parts.append(f"axis={self.axis}")
        if self.group is not None:
            parts.append(f"group={self.group}, group_axis={self.group_axis}")
        return f"QTensor({', '.join(parts)})"


def _checked_codes(codes: npt.ArrayLike, fmt: Format) -> npt.NDArray[Any]:
    """Copy codes into the format's dtype, or say which one is out of range."""
    array = array_of("QTensor", "codes", codes)
    if array.dtype.kind not in "iu":
        raise OperandError(f"codes: dtype={array.dtype}, allowed: integers")
    bad = np.asarray((array < fmt.code_min) | (array > fmt.code_max))
    if bad.any():
        raise CodeError(
            f"codes{first_place(bad, array)}, allowed: {fmt.code_min}..{fmt.code_max} for {fmt}"
        )
    return np.array(array, dtype=fmt.code_dtype, order="C")
