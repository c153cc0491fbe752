"""Layers that drive chosen accumulators through a requantization: ties, rails, extremes.

With K = 1 and weight 1 output (m, n) has the accumulator ``x[m] - zx + bias[n]``: 256 codes x and
N biases reach every accumulator in a window of 256 around each bias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from peers.layers import Layer, Quantized

__all__ = ["Peer", "probe", "random_layer"]

_INT32 = 2**31


@dataclass(frozen=True)
class Peer:
    """What a runtime can be given.

    Parameters
    ----------
    x, weight, y, bias : dtype
    bias_limit : int
        Largest magnitude of a bias that the runtime holds exactly.
    weight_zero_points : bool
        Whether weights may have a zero point.
    scaled_limit : float
        Largest magnitude of a scaled accumulator that the runtime's arithmetic is defined for.
    """

    x: type = np.int8
    weight: type = np.int8
    y: type = np.int8
    bias: type = np.int32
    bias_limit: int = _INT32 - 2048
    weight_zero_points: bool = False
    scaled_limit: float = float("inf")

    def result(self, scale: float, zero_point: int) -> Quantized:
        """An output of this scale and zero point."""
        return Quantized(np.zeros(0, self.y), np.float32(scale), zero_point)


def tie_scales(rng: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """Real factors that make many exact ties: small odd numbers times 2**-2..2**-18."""
    return (2.0 * rng.integers(0, 32, count) + 1) * 2.0 ** -rng.integers(2, 19, count)


def fine_scales(rng: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """Real factors of all bits, 2**-22..2**-1: near ties, a last bit of the factor matters."""
    return np.asarray(2.0 ** rng.uniform(-22, -1, count))


def beside_ties(
    rng: np.random.Generator, acc: npt.NDArray[np.int64], peer: Peer, y_zero_point: int
) -> npt.NDArray[np.float64]:
    """Factors, up to 100, that scale each accumulator to half a step beside a code."""
    info = np.iinfo(peer.y)
    half = np.abs(rng.integers(info.min, info.max, acc.shape) - y_zero_point + 0.5)
    return np.minimum(half / np.maximum(np.abs(acc), 1), 100.0)


def edge_biases(
    rng: np.random.Generator, real: npt.NDArray[np.float64], peer: Peer, y_zero_point: int
) -> npt.NDArray[np.int64]:
    """A bias a channel: near 0, a tie, a rail of the result, a power of two or the type's ends."""
    info = np.iinfo(peer.y)
    code = rng.integers(info.min, info.max + 1, real.shape)
    half = (code - y_zero_point + 0.5) / real
    rail = (rng.choice([info.min, info.max], real.shape) - y_zero_point) / real
    power = rng.choice([-1, 1], real.shape) * 2.0 ** rng.integers(
        0, int(peer.bias_limit).bit_length(), real.shape
    )
    extreme = rng.choice([-1.0, 1.0], real.shape) * peer.bias_limit
    near_zero = rng.integers(-128, 129, real.shape).astype(float)
    kinds = np.stack([half, half, half, rail, rail, power, extreme, near_zero])
    pick = rng.integers(0, len(kinds), real.shape)
    bias = np.rint(np.take_along_axis(kinds, pick[np.newaxis], 0)[0])
    bias += rng.integers(-100, 101, real.shape)
    room = 8.0 * np.iinfo(peer.x).max  # the products' share of the accumulator
    limit = np.minimum(peer.bias_limit, peer.scaled_limit / real - room)
    return np.trunc(np.clip(bias, -limit, limit)).astype(np.int64)


def probe(
    rng: np.random.Generator,
    kind: Literal["dense", "conv", "depthwise"],
    peer: Peer,
    channels: int,
    *,
    per_channel: bool,
) -> Layer:
    """256 x `channels` outputs whose accumulators are chosen.

    Of three layers one has scales that make ties, one scales of all bits, and one a scale for every
    channel (or for the layer) that puts one accumulator beside a tie: there the arithmetic that
    multiplies the tensors' scales is seen, and a last bit of any product.
    """
    x, x_zero, y_zero = _x_codes(rng, peer), *(_zero_point(rng, t) for t in (peer.x, peer.y))
    count = channels if per_channel else 1
    style = str(rng.choice(["ties", "fine", "beside ties"]))
    x_scale, y_scale = np.float32((1, 1) if style == "ties" else 2.0 ** rng.uniform(-4, 4, 2))
    if style == "beside ties":
        bias = rng.integers(-(2**14), 2**14, channels)
        acc = rng.choice(x, count).astype(int) - x_zero + bias[:count]
        factor = beside_ties(rng, acc, peer, y_zero)
    else:
        factor = tie_scales(rng, count) if style == "ties" else fine_scales(rng, count)
    weight_scale = np.asarray(factor * float(y_scale) / float(x_scale), np.float32)
    if style == "beside ties":
        steps = rng.integers(-2, 3, count, np.int32)
        weight_scale = (weight_scale.view(np.int32) + steps).view(np.float32)
    else:
        real = weight_scale.astype(np.float64) * float(x_scale) / float(y_scale)
        bias = edge_biases(rng, np.broadcast_to(real, channels), peer, y_zero)
    image = kind != "dense"
    w_zero = _weight_zero_point(rng, peer)
    shape = (1, 1, 1, channels) if image else (1, channels)
    ones = np.full(shape, w_zero + 1, peer.weight)
    return Layer(
        kind,
        Quantized(x.reshape((1, 16, 16, 1) if image else (256, 1)), x_scale, x_zero),
        Quantized(ones, weight_scale if per_channel else weight_scale[0], w_zero),
        bias.astype(peer.bias),
        peer.result(float(y_scale), y_zero),
    )


def random_layer(
    rng: np.random.Generator,
    kind: Literal["dense", "conv", "depthwise"],
    peer: Peer,
    *,
    per_channel: bool = False,
    bias: bool = True,
    activations: tuple[str, ...] = ("none",),
    paddings: tuple[str, ...] = ("valid",),
    extreme: bool = False,
) -> Layer:
    """A layer of random shape, data, zero points and scales.

    The output scale is of the size of the accumulators, so that most codes are inside the rails;
    `extreme` draws it from 2**-8 to 2**8 times that, and operands mostly at their rails.
    """
    shapes = _shapes(rng, kind)
    x, w = _codes(rng, peer.x, shapes[0], extreme), _codes(rng, peer.weight, shapes[1], extreme)
    n = shapes[1][-1]
    x_scale = np.float32(2.0 ** rng.uniform(-8, 0))
    w_scale = (2.0 ** rng.uniform(-9, -1, n if per_channel else ())).astype(np.float32)
    x_zero, y_zero = (_zero_point(rng, dtype) for dtype in (peer.x, peer.y))
    w_zero = _weight_zero_point(rng, peer)
    k = int(np.prod(shapes[1][:-1]))
    spread = float(x_scale) * float(np.max(w_scale)) * 4000 * np.sqrt(k)
    y_scale = np.float32(spread / 64 * 2.0 ** (rng.uniform(-8, 8) if extreme else 0))
    limit = min(peer.bias_limit, 2**20)
    return Layer(
        kind,
        Quantized(x, x_scale, x_zero),
        Quantized(w, w_scale, w_zero),
        rng.integers(-limit, limit, n, endpoint=True).astype(peer.bias) if bias else None,
        peer.result(float(y_scale), y_zero),
        activation=str(rng.choice(activations)),
        padding=str(rng.choice(paddings)),
        groups=shapes[2],
        **_window(rng, kind),
    )


def _zero_point(rng: np.random.Generator, dtype: type) -> int:
    """Any code, odd more often than even; 16-bit tensors have none."""
    info = np.iinfo(dtype)
    if info.bits == 16:
        return 0
    zero = int(rng.integers(info.min, info.max + 1))
    return zero | 1 if rng.random() < 0.5 else zero


def _weight_zero_point(rng: np.random.Generator, peer: Peer) -> int:
    """Any code but the largest, where weights may have one."""
    largest = int(np.iinfo(peer.weight).max)
    return min(_zero_point(rng, peer.weight), largest - 1) if peer.weight_zero_points else 0


def _x_codes(rng: np.random.Generator, peer: Peer) -> npt.NDArray[np.integer]:
    """256 codes: all of them, or of 16-bit ones a window and both ends."""
    info = np.iinfo(peer.x)
    if info.bits == 8:
        return np.arange(info.min, info.max + 1).astype(peer.x)
    first = int(rng.integers(info.min, info.max - 253))
    return np.array([info.min, info.max, *range(first, first + 254)], peer.x)


def _codes(
    rng: np.random.Generator, dtype: type, shape: tuple[int, ...], extreme: bool
) -> npt.NDArray[np.integer]:
    info = np.iinfo(dtype)
    codes = rng.integers(info.min, info.max + 1, shape)
    if extreme:
        rails = rng.choice([info.min, info.max], shape)
        codes = np.where(rng.random(shape) < 0.7, rails, codes)
    return codes.astype(dtype)


def _shapes(rng: np.random.Generator, kind: str) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Shapes of x and weight, groups."""
    if kind == "dense":
        m, k, n = (int(rng.integers(1, top)) for top in (12, 80, 40))
        return (m, k), (k, n), 1
    h, w, kh, kw = (int(v) for v in (*rng.integers(6, 12, 2), *rng.integers(1, 4, 2)))
    c = int(rng.integers(1, 10))
    if kind == "depthwise":
        return (1, h, w, c), (kh, kw, 1, c * int(rng.integers(1, 4))), c
    return (1, h, w, c), (kh, kw, c, int(rng.integers(1, 20))), 1


def _window(rng: np.random.Generator, kind: str) -> dict[str, tuple[int, int]]:
    """Strides of 1 or 2, alike in both directions; dilated where the stride is 1."""
    if kind == "dense":
        return {}
    stride = int(rng.integers(1, 3))
    dilation = int(rng.integers(1, 3)) if stride == 1 else 1
    return {"stride": (stride, stride), "dilation": (dilation, dilation)}
