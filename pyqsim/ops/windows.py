"""Sliding windows over NHWC images: padding, stride, dilation; no arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim.errors import ShapeError

__all__ = ["Padding", "Window", "padded", "pair", "windows"]

Pair = int | tuple[int, int]
Padding = str | int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]


def pair(name: str, value: Pair, smallest: int = 1) -> tuple[int, int]:
    """One int for both directions, or (down, right)."""
    both = value if isinstance(value, (tuple, list)) else (value, value)
    if len(both) != 2 or any(
        isinstance(v, bool) or not isinstance(v, (int, np.integer)) or v < smallest for v in both
    ):
        raise ShapeError(f"{name}={value!r}, allowed: an int >= {smallest}, or two of them")
    return int(both[0]), int(both[1])


@dataclass(frozen=True, slots=True)
class Window:
    """Where windows stand on an image; everything in (rows, columns).

    Parameters
    ----------
    size : (int, int)
    stride : (int, int)
    dilation : (int, int)
    padding : ((top, bottom), (left, right))
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]

    @staticmethod
    def of(
        image: tuple[int, int], size: Pair, stride: Pair, padding: Padding, dilation: Pair = 1
    ) -> Window:
        """Check the parameters against an image of (H, W); "same" and "valid" as TFLite has them.

        "same": ``out = ceil(in / stride)``, the odd row and column of padding at the end.
        """
        sizes, strides = pair("size", size), pair("stride", stride)
        dilations = pair("dilation", dilation)
        pads = tuple(
            _padding(padding, axis, image[axis], (sizes[axis] - 1) * dilations[axis] + 1, strides)
            for axis in range(2)
        )
        window = Window(sizes, strides, dilations, (pads[0], pads[1]))
        for axis, name in enumerate("HW"):
            span = (sizes[axis] - 1) * dilations[axis] + 1
            padded = image[axis] + sum(pads[axis])
            if span > padded:
                raise ShapeError(
                    f"window of {span} along {name}, allowed: at most {padded} (image and padding)"
                )
        return window

    def count(self, image: tuple[int, int]) -> tuple[int, int]:
        """Windows along H and W of an image of (H, W)."""
        spans = [(s - 1) * d + 1 for s, d in zip(self.size, self.dilation, strict=True)]
        down, across = (
            (image[axis] + sum(self.padding[axis]) - spans[axis]) // self.stride[axis] + 1
            for axis in range(2)
        )
        return down, across


def _padding(
    padding: Padding, axis: int, size: int, span: int, strides: tuple[int, int]
) -> tuple[int, int]:
    if padding == "valid":
        return (0, 0)
    if padding == "same":
        out = -(-size // strides[axis])
        total = max((out - 1) * strides[axis] + span - size, 0)
        return (total // 2, total - total // 2)
    if isinstance(padding, str) or (isinstance(padding, (tuple, list)) and len(padding) != 2):
        raise ShapeError(
            f"padding={padding!r}, allowed: 'same', 'valid', an int, (rows, columns), or two pairs"
        )
    own = padding[axis] if isinstance(padding, (tuple, list)) else padding
    return pair("padding", own, 0)


def padded(images: npt.NDArray[Any], window: Window, fill: int) -> npt.NDArray[Any]:
    """Images with the window's padding; they themselves where there is none."""
    if not any(any(pads) for pads in window.padding):
        return images
    (top, bottom), (left, right) = window.padding
    count, height, width, depth = images.shape
    shape = (count, top + height + bottom, left + width + right, depth)
    result = np.full(shape, fill, dtype=images.dtype)
    result[:, top : top + height, left : left + width] = images
    return result


def windows(images: npt.NDArray[Any], window: Window, fill: int) -> npt.NDArray[Any]:
    """View every window.

    Parameters
    ----------
    images : ndarray, (B, H, W, C)
    window : Window
    fill : int
        Value of the padding.

    Returns
    -------
    ndarray, (B, OH, OW, KH, KW, C)
        A read-only view where there is no padding.
    """
    images = padded(images, window, fill)
    spans = [(s - 1) * d + 1 for s, d in zip(window.size, window.dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(images, spans, axis=(1, 2))
    view = view[:, :: window.stride[0], :: window.stride[1], :]
    view = view[..., :: window.dilation[0], :: window.dilation[1]]
    return np.moveaxis(view, 3, -1)
