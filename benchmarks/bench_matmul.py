"""Matrix products: pyqsim and other programs on the same operands, in one run, as ratios.

Results are compared with NumPy's float64 product first, which is exact here (all sums stay far
below 2**53); a program whose result differs is not timed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from harness import programs, report
from harness.contest import Contest, Contestant
from harness.expected import product
from harness.peaks import best_peak, reading

import pyqsim as qs
from pyqsim._native import Gemm, GemmForm, NoKernelError
from pyqsim.cli.options import int_in

Codes = npt.NDArray[Any]

#: M, N, K: cubes; vectors; convolutions of ResNet-50 and MobileNet as matrices.
SIZES = (
    (64, 64, 64),
    (256, 256, 256),
    (512, 512, 512),
    (1024, 1024, 1024),
    (1, 1000, 1280),
    (1, 4096, 4096),
    (3136, 64, 576),
    (784, 128, 1152),
    (196, 512, 4608),
    (49, 1280, 320),
)
QUICK_SIZES = ((64, 64, 64), (5, 70, 96))

#: Requantization: the real factor is a power of two, so that all engines agree at every tie.
X_SCALE, W_SCALE, Y_SCALE = 2.0**-4, 2.0**-4, 2.0**5
X_ZERO, Y_ZERO = 3, 2


def main() -> None:
    """Hold the contests, size by size."""
    parser = argparse.ArgumentParser(description=__doc__)
    report.add_options(parser)
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=size_of,
        metavar="MxNxK",
        help="default: ten, two with --quick",
    )
    options = parser.parse_args()
    found = report.start(options)
    found["peers"]["oneDNN"] = programs.onednn_version()
    print(f"oneDNN {found['peers']['oneDNN'] or 'not installed'}")
    sizes = options.sizes or (QUICK_SIZES if options.quick else SIZES)
    contests = (contest for size in sizes for contest in contests_of(*size, options.threads))
    report.finish(options, found, report.run(options, contests, report.GMAC))


def size_of(text: str) -> tuple[int, ...]:
    """Parse M x N x K."""
    size = tuple(map(int_in(1, 65536), text.split("x")))
    if len(size) != 3:
        raise argparse.ArgumentTypeError(f"{text!r}, allowed: three sizes, as in 64x64x64")
    return size


def contests_of(m: int, n: int, k: int, threads: int) -> Iterator[Contest]:
    """Everything that is compared on one size."""
    rng = np.random.default_rng((m, n, k))
    unsigned = rng.integers(0, 256, (m, k)).astype(np.uint8)
    signed = rng.integers(-128, 128, (m, k)).astype(np.int8)
    b = rng.integers(-127, 128, (k, n)).astype(np.int8)
    title, macs, peak = (
        f"M {m}, N {n}, K {k}: ",
        float(m * n * k),
        reading(n * k) if m == 1 else best_peak("int8"),
    )
    wrap = qs.Datapath(reduce=(qs.Accumulate(32, "wrap"),))
    yield Contest(
        title + "u8 x s8, 32-bit accumulator",
        macs,
        product(unsigned, b),
        (
            *ours(unsigned, b, wrap, threads),
            *programs.onednn_matmul(unsigned, b),
            *programs.onnxruntime_matmul(unsigned, b, threads),
            *programs.numpy_matmul(unsigned, b, np.float32),
            *programs.numpy_matmul(unsigned, b, np.float64),
            *programs.numba_matmul(unsigned, b),
            *programs.numpy_matmul(unsigned, b, np.int32),
        ),
        peak,
    )
    yield Contest(
        title + "s8 x s8, 32-bit accumulator",
        macs,
        product(signed, b),
        (
            *ours(signed, b, wrap, threads),
            *programs.onednn_matmul(signed, b),
            *programs.torch_int_mm(signed, b, threads),
            *programs.onnxruntime_matmul(signed, b, threads),
            *programs.apytypes_matmul(signed, b),
        ),
        peak,
    )
    four = rng.integers(-8, 8, (k, n)).astype(np.int8)
    yield Contest(
        title + "u8 x s8 of 4-bit weights, 32-bit accumulator",
        macs,
        product(unsigned, four),
        (
            *ours(unsigned, four, wrap, threads),
            *ours_in_bytes(unsigned, four),
            *programs.onednn_matmul(unsigned, four),
            *programs.onnxruntime_matmul(unsigned, four, threads),
        ),
        reading(n * k, 4) if m == 1 else best_peak("int8"),
    )
    signs = [np.where(codes < 0, -1, 1).astype(np.int8) for codes in (signed, b)]
    yield Contest(
        title + "-1 and 1 (XNOR), 32-bit accumulator",
        macs,
        product(*signs),
        (
            *ours(*signs, wrap, threads),
            *programs.onednn_matmul(*signs),
            *programs.torch_int_mm(*signs, threads),
            *programs.numpy_matmul(*signs, np.float32),
        ),
        best_peak("binary"),
    )
    saturating = qs.Datapath(reduce=(qs.Accumulate(24, "saturate"),))
    yield Contest(
        title + "u8 x s8, 24-bit saturating accumulator, nothing overflows",
        macs,
        product(unsigned, b),
        (
            *ours(unsigned, b, saturating, threads),
            *programs.numba_matmul(unsigned, b, bits=24),
            *programs.numpy_steps(unsigned, b, bits=24),
            *programs.apytypes_matmul(unsigned, b, bits=24),
        ),
        peak,
    )
    numbers = programs.Quantization(X_SCALE, X_ZERO, W_SCALE, Y_SCALE, Y_ZERO)
    yield Contest(
        title + "u8 x s8, requantized to u8",
        macs,
        requantized(unsigned, b, np.iinfo(np.uint8)),
        (
            *ours_requantized(unsigned, b, "torch-x86", threads),
            *programs.torch_linear(unsigned, b, numbers, threads),
        ),
        peak,
    )
    yield Contest(
        title + "s8 x s8, requantized to s8",
        macs,
        requantized(signed, b, np.iinfo(np.int8)),
        (
            *ours_requantized(signed, b, "xnnpack-fp32", threads),
            *programs.litert_linear(signed, b, numbers, threads),
        ),
        peak,
    )


def requantized(a: Codes, b: Codes, codes: Any) -> Codes:
    """The 8-bit result; scaling by a power of two is exact in float64, rint's ties are even."""
    sums = product(a, b) - X_ZERO * b.astype(np.int64).sum(axis=0)
    scaled = np.rint(sums * (X_SCALE * W_SCALE / Y_SCALE)) + Y_ZERO
    return np.clip(scaled, codes.min, codes.max).astype(np.int64)


def ours(a: Codes, b: Codes, datapath: qs.Datapath, threads: int) -> list[Contestant]:
    """A plan, and the whole call that also packs the weights."""
    plan = qs.plan(b, datapath)
    out = np.empty((len(a), b.shape[1]), datapath.result_dtype)
    run = partial(plan, a, out=out, threads=threads)
    whole = partial(qs.matmul, a, b, datapath, out=out, threads=threads)
    return [
        Contestant("pyqsim plan", run, lambda: out, ours=True, note=partial(report.kernel, plan)),
        Contestant("pyqsim matmul, packs too", whole, lambda: out, ours=True),
    ]


def ours_in_bytes(a: Codes, b: Codes) -> list[Contestant]:
    """The kernel that weights of more than sixteen integers get, on one thread."""
    try:
        gemm = Gemm(GemmForm("int8", a.dtype), "auto", np.ascontiguousarray(b.T, np.int64))
    except NoKernelError:
        return []
    out = np.empty((len(a), b.shape[1]), np.int32)
    run = partial(gemm.run_contiguous, a, out)
    return [Contestant("pyqsim, a byte a weight", run, lambda: out, ours=True)]


def ours_requantized(a: Codes, b: Codes, target: str, threads: int) -> list[Contestant]:
    """A plan for a runtime's layer."""
    machine = qs.targets.get(target)
    plan = qs.plan(qs.QTensor(b, qs.Affine(8), W_SCALE), machine.datapath)
    x = qs.QTensor(a, qs.Affine(8, signed=a.dtype == np.int8), X_SCALE, X_ZERO)
    out = np.empty((len(a), b.shape[1]), machine.datapath.result_dtype)
    factor = machine.scheme.encode(X_SCALE * W_SCALE / Y_SCALE)
    data = {"bias": 0, "requantize": factor, "out_zero_point": Y_ZERO}
    run = partial(plan, x, out=out, threads=threads, **data)
    return [
        Contestant("pyqsim plan", run, lambda: out, ours=True, note=partial(report.kernel, plan))
    ]


if __name__ == "__main__":
    main()
