"""Two-dimensional convolution, NHWC, as a dot product over the taps kh, kw, c of each window."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from pyqsim._native import Windows
from pyqsim.checks import check_int, integer_array
from pyqsim.datapath import Datapath, Thresholds, is_nest, nest_order
from pyqsim.errors import CodeError, DatapathError, OperandError, PyqsimError, ShapeError
from pyqsim.execution import CallData, ChannelPatches, DepthwiseRunner, Operand
from pyqsim.ops.encoding import Encoding
from pyqsim.ops.groups import GroupPlans, WindowsOf
from pyqsim.ops.linear import finish
from pyqsim.ops.operands import Matrix, first_operand, operand_like, second_operand
from pyqsim.ops.windows import Padding, Pair, Window, padded
from pyqsim.tensor import QTensor

__all__ = ["Conv2dPlan", "conv2d", "fill_code", "plan_conv2d"]

#: The data of a call that the kernel for all channels takes.
_DEPTHWISE_DATA = frozenset(("bias", "requantize", "out_zero_point", "threads"))


def conv2d(
    x: Matrix,
    weight: Matrix,
    datapath: Datapath,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    encoding: Encoding | None = None,
    events: bool = False,
    **data: Any,
) -> Any:
    """Convolve images, layout NHWC as integer runtimes have it.

    Parameters
    ----------
    x : QTensor or array_like of int, (B, H, W, C)
        One scale and zero point for the tensor. Padding is the zero point (0 for plain integers).
    weight : QTensor or array_like of int, (KH, KW, C // groups, N)
        Scales per output channel (axis 3) or per tensor.
    datapath : Datapath
        The K axis of an output is kh, kw, c ascending, c fastest; `order` may be a loop nest over
        these axes.
    stride, dilation : int or (int, int)
        (rows, columns).
    padding : int, (rows, columns), ((top, bottom), (left, right)), "same" or "valid"
        "same" as TFLite has it.
    groups : int
        Input and output channels are cut into so many groups; C for a depthwise convolution (with
        a channel multiplier of N // C).
    encoding : Encoding, optional
        Makes the result a QTensor.
    events : bool
        Also return the `Events`: m counts output positions (batch, row, column), n the output
        channels, k the taps of one window.
    **data
        bias, requantize, out_zero_point, threads, kernel, isa: see `matmul`; per-channel data
        have N numbers.

    Returns
    -------
    QTensor with `encoding`, else ndarray, (B, OH, OW, N); with `events` a pair

    Examples
    --------
    >>> import numpy as np, pyqsim as qs
    >>> x = np.arange(9).reshape(1, 3, 3, 1)
    >>> conv2d(x, np.ones((2, 2, 1, 1), int), qs.Datapath())[0, :, :, 0].tolist()
    [[8, 12], [20, 24]]
    """
    kernel = {name: data.pop(name) for name in ("kernel", "isa") if name in data}
    planned = plan_conv2d(
        weight,
        datapath,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
        **kernel,
    )
    return planned(x, encoding=encoding, events=events, **data)


def plan_conv2d(
    weight: Matrix,
    datapath: Datapath,
    *,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
    kernel: str = "auto",
    isa: str = "auto",
) -> Conv2dPlan:
    """Pack the weights of a convolution; `conv2d` documents the arguments.

    Returns
    -------
    Conv2dPlan

    Examples
    --------
    >>> import numpy as np, pyqsim as qs
    >>> convolve = plan_conv2d(np.ones((2, 2, 1, 1), int), qs.Datapath())
    >>> convolve(np.arange(9).reshape(1, 3, 3, 1))[0, :, :, 0].tolist()
    [[8, 12], [20, 24]]
    """
    return Conv2dPlan(weight, datapath, stride, padding, dilation, groups, kernel, isa)


class Conv2dPlan:
    """Weights of a convolution packed for one datapath, to be run on many images.

    Made by `plan_conv2d`. Calling it takes the images and the data of `conv2d`.
    """

    def __init__(
        self,
        weight: Matrix,
        datapath: Datapath,
        stride: Pair,
        padding: Padding,
        dilation: Pair,
        groups: int,
        kernel: str,
        isa: str,
    ) -> None:
        if not isinstance(datapath, Datapath):
            raise DatapathError(f"datapath={datapath!r}, allowed: a Datapath")
        taps = weight.codes if isinstance(weight, QTensor) else integer_array("weight", weight)
        _check_weight(taps, groups)
        self._sizes = kh, kw, depth, n = taps.shape
        self._stride, self._padding, self._dilation = stride, padding, dilation
        if datapath.order is not None and is_nest(datapath.order):
            order = nest_order(datapath.order, {"kh": kh, "kw": kw, "c": depth})
            datapath = replace(datapath, order=order)
        _check_thresholds(datapath, n)
        kernels = {"kernel": kernel, "isa": isa}
        self._groups = GroupPlans(weight, taps, datapath, groups, **kernels)
        self._depthwise: DepthwiseRunner | None = None
        self._explanation: str | None = None  # of all channels in one run
        self._last_window: tuple[tuple[int, int], Window, tuple[int, int]] | None = None
        if depth == 1 and 1 < groups <= n:
            b = second_operand(self._groups.weight_of(slice(0, n)))
            self._depthwise = DepthwiseRunner(datapath, b, **kernels)

    def __call__(
        self, x: Matrix, *, encoding: Encoding | None = None, events: bool = False, **data: Any
    ) -> Any:
        """Convolve images; see `conv2d` for the arguments."""
        if "out" in data:
            raise OperandError("out: given, allowed: in matmul and plan only")
        _, _, depth, n = self._sizes
        codes = x.codes if isinstance(x, QTensor) else integer_array("x", x)
        _check_images(codes, depth, self._groups.count)
        window, out = self._window((codes.shape[1], codes.shape[2]))
        fill = fill_code(x) if any(any(pads) for pads in window.padding) else 0
        images = np.ascontiguousarray(padded(codes, window, fill))
        _check_one_scale(x)
        pixels = _pixels(x, images.reshape(prod(images.shape[:3]), images.shape[3]))

        def windows(of: npt.NDArray[Any], channels: slice) -> Windows:
            return Windows(of, window.size, window.stride, window.dilation, out, channels)

        self._explanation = None
        y, found = None if events else self._run_depthwise(pixels, images, windows, data), None
        if y is None:
            y, found = self._groups.run(pixels, images, windows, events, data)
        return finish(y.reshape(*y.shape[:-2], len(codes), *out, n), found, encoding)

    def _window(self, image: tuple[int, int]) -> tuple[Window, tuple[int, int]]:
        """The windows of an image of (H, W), and how many there are; the last ones are kept."""
        last = self._last_window  # read once: other threads may replace it
        if last is None or last[0] != image:
            kh, kw, _, _ = self._sizes
            window = Window.of(image, (kh, kw), self._stride, self._padding, self._dilation)
            last = self._last_window = image, window, window.count(image)
        return last[1:]

    def _run_depthwise(
        self,
        pixels: Operand,
        images: npt.NDArray[Any],
        windows: WindowsOf,
        data: dict[str, Any],
    ) -> npt.NDArray[Any] | None:
        """All channels in one run; None: group by group, which also raises what is to be raised."""
        if self._depthwise is None or not _DEPTHWISE_DATA.issuperset(data):
            return None
        numbers = {name: value for name, value in data.items() if name != "threads"}
        try:
            threads = data.get("threads")
            if threads is not None:
                check_int("matmul", "threads", threads, 1, None)
            patches = ChannelPatches(images, windows, self._sizes[3] // images.shape[3])
            ran = self._depthwise.run(pixels, patches, CallData(**numbers), threads)
        except PyqsimError:
            return None
        if ran is None:
            return None
        y, self._explanation = ran
        return y

    def explain(self) -> str:
        """Which kernel ran the last call (of each group of channels), and why."""
        return self._groups.explain() if self._explanation is None else self._explanation


def _check_weight(taps: npt.NDArray[Any], groups: int) -> None:
    if taps.ndim != 4:
        raise ShapeError(f"weight: shape={taps.shape}, allowed: (KH, KW, C // groups, N)")
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or groups < 1:
        raise ShapeError(f"groups={groups!r}, allowed: an int of 1 or more")
    if taps.shape[3] % groups:
        raise ShapeError(
            f"weight: shape={taps.shape}, groups={groups}, allowed: N a multiple of groups"
        )


def _check_images(codes: npt.NDArray[Any], depth: int, groups: int) -> None:
    if codes.ndim != 4:
        raise ShapeError(f"x: shape={codes.shape}, allowed: (B, H, W, C)")
    if codes.shape[3] != depth * groups:
        raise ShapeError(
            f"x: C={codes.shape[3]}, groups={groups}, allowed: "
            f"C == weight.shape[2] * groups, {depth * groups}"
        )


def _check_one_scale(x: Matrix) -> None:
    if isinstance(x, QTensor) and (x.axis is not None or x.group is not None):
        raise ShapeError(f"x: axis={x.axis}, group={x.group}, allowed: None (one scale a tensor)")


def _check_thresholds(datapath: Datapath, n: int) -> None:
    for step in datapath.output:
        if isinstance(step, Thresholds) and step.values.values.ndim == 2:
            rows = len(step.values.values)
            if rows != n:
                raise ShapeError(f"Thresholds: {rows} rows, allowed: N={n} rows, or one axis")


def fill_code(x: Matrix) -> int:
    """The code of padding: the zero point, or the format's code of zero."""
    if not isinstance(x, QTensor):
        return 0
    _check_one_scale(x)
    if x.format.has_zero_point:
        return int(x.zero_point)
    if x.format.zero_code is None:
        raise CodeError(f"padding: {x.format!r} has no code for zero, allowed: padding=0")
    return x.format.zero_code


def _pixels(x: Matrix, codes: npt.NDArray[Any]) -> Operand:
    """Codes of x and of its padding, which need no second check, as x says what they stand for."""
    pixels = first_operand(codes)  # checks its sizes
    return operand_like(x, codes) if isinstance(x, QTensor) else pixels
