"""Windows of images, and depthwise convolutions over them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim._native.gemm import GemmForm
from pyqsim._native.values import (
    ELEMENTS,
    ISA_NAMES,
    ISA_NUMBERS,
    NoKernelError,
    check,
    ffi,
    lib,
    pointer,
)

__all__ = ["Depthwise", "Windows"]

Ints = npt.NDArray[np.int64]


class Windows:
    """Windows of images (B, H, W, C), gathered row by row.

    Parameters
    ----------
    images : ndarray, C-contiguous
        Padded already.
    size, stride, dilation : (int, int)
    out : (int, int)
        Windows along H and W.
    channels : slice
    """

    def __init__(
        self,
        images: npt.NDArray[np.generic],
        size: tuple[int, int],
        stride: tuple[int, int],
        dilation: tuple[int, int],
        out: tuple[int, int],
        channels: slice,
    ) -> None:
        self._images = images[..., channels]
        depth = self._images.shape[3]
        self.shape = (len(images) * out[0] * out[1], size[0] * size[1] * depth)
        batch, row, column, element = self._images.strides
        self.struct = ffi.new("pqs_windows *")
        self.struct.image = pointer(self._images, "void *")
        self.struct.out_rows, self.struct.out_columns = out
        self.struct.rows, self.struct.columns = size
        self.struct.bytes = depth * element
        self.struct.batch_stride = batch
        self.struct.row_step, self.struct.column_step = row * stride[0], column * stride[1]
        self.struct.row_stride = row * dilation[0]
        self.struct.column_stride = column * dilation[1]

    def rows(self, first: int, stop: int) -> npt.NDArray[np.generic]:
        """Windows first..stop-1, (stop - first, KH * KW * C)."""
        out = np.empty((stop - first, self.shape[1]), dtype=self._images.dtype)
        check(lib.pqs_gather_windows(self.struct, first, stop - first, pointer(out, "void *")))
        return out


class Depthwise:
    """Dot products of each channel's windows with weights of its own, no window gathered.

    Parameters
    ----------
    form : GemmForm
        Of kind "int16" or "clamp", k ascending.
    isa : str
    b : ndarray of int64, (C, taps)
        Zero points subtracted.

    Raises
    ------
    NoKernelError
        For a form of another kind.
    """

    def __init__(self, form: GemmForm, isa: str, b: Ints) -> None:
        self.form, self.shape = form, b.shape
        if form.kind not in ("int16", "clamp") or form.part_steps or form.places:
            raise NoKernelError
        self._plan = ffi.new("pqs_depthwise_plan *")
        self._plan.kind = getattr(lib, f"PQS_GEMM_{form.kind.upper()}")
        self._plan.isa, self._plan.a_element = ISA_NUMBERS[isa], ELEMENTS[form.a_dtype]
        self._plan.channels = len(b)
        self._plan.bits, self._plan.is_signed = form.bits, form.signed
        self._plan.a_zero_point = form.a_zero_point
        self._plan.minimum, self._plan.maximum = form.minimum, form.maximum
        self.isa = ISA_NAMES[lib.pqs_depthwise_isa(self._plan)]
        if self.isa == "auto":
            raise NoKernelError
        self._weights = np.ascontiguousarray(b.T, dtype=np.int32)
        self._weights_at = pointer(self._weights, "int32_t *")
        # sums are of raw elements: -za * sum(b) makes them those of elements less za
        folded = form.a_zero_point if form.kind == "int16" else 0
        self._start = (-folded * b.sum(axis=1, dtype=np.int64)).astype(np.uint32)

    @property
    def name(self) -> str:
        """The form and its instruction set."""
        return f"{self.form.kind} on {self.isa}"

    def with_bias(self, bias: Ints | None) -> npt.NDArray[np.int32]:
        """What the sums start from, (C,)."""
        start = self._start if bias is None else self._start + bias.astype(np.uint32)
        return start.view(np.int32)

    def run(
        self,
        windows: Windows,
        rows: slice,
        out: npt.NDArray[np.int32],
        start: npt.NDArray[np.int32],
    ) -> None:
        """Run windows of all C channels, of images of the form's dtype, into out, (rows, C)."""
        status = lib.pqs_depthwise_run(
            self._plan, windows.struct, self._weights_at,
            pointer(start, "int32_t *"), rows.start, rows.stop - rows.start,
            pointer(out, "int32_t *"), out.strides[0] // 4,
        )  # fmt: skip
        check(status)
