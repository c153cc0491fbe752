"""Kernels with one planted fault each, as data: machine, kernel, and the cause to be named.

Every kernel is written by itself, in NumPy, from what the wrong hardware would do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import pyqsim as qs

R = qs.requantize
INT8 = np.dtype("int8")


@dataclass(frozen=True)
class Fault:
    """One wrong kernel.

    `causes` are the names under which it may be reported: the first is the planted one, others
    describe the same machine.
    """

    name: str
    machine: qs.Datapath
    kernel: Callable[..., Any]
    causes: tuple[str, ...]
    words: str = ""
    a: Any = INT8
    b: Any = INT8


# -- arithmetic -----------------------------------------------------------------------------------


def terms(a, b):
    """(K, M, N) products."""
    return a.astype(np.int64).T[:, :, None] * b.astype(np.int64)[:, None, :]


def sat(x, bits):
    return np.clip(x, -(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def wrap(x, bits):
    half = 1 << (bits - 1)
    return (x + half) % (2 * half) - half


def symmetric(x, bits):
    return np.clip(x, -(1 << (bits - 1)) + 1, (1 << (bits - 1)) - 1)


def chain(values, rule, start=0):
    """One accumulator, the rule at every addition."""
    total = np.zeros(values.shape[1:], np.int64) + start
    for value in values:
        total = rule(total + value)
    return total


def half_even(x, s):
    floor, rest, half = x >> s, x & ((1 << s) - 1), 1 << (s - 1)
    return floor + ((rest > half) | ((rest == half) & (floor & 1 == 1)))


def half_up(x, s):
    return np.where(s > 0, (x + (1 << np.maximum(s - 1, 0))) >> s, x)


def half_away(x, s):
    return np.where(s > 0, (x + (1 << np.maximum(s - 1, 0)) - (x < 0)) >> s, x)


def sat20(values):
    return chain(values, lambda x: sat(x, 20))


# -- a 20-bit saturating MAC, half-even shift by 5 to int8 ----------------------------------------

MAC = qs.Datapath(
    reduce=(qs.Accumulate(20, "saturate"),),
    output=(qs.Narrow(5, rounding="half_even", bits=8, overflow="saturate"),),
)


def tie_half_up(a, b):
    return sat(half_up(sat20(terms(a, b)), 5), 8)


def no_nudge(a, b):
    return sat(sat20(terms(a, b)) >> 5, 8)


def c_division(a, b):
    acc = sat20(terms(a, b))
    return sat(np.sign(acc) * (np.abs(acc) // 32), 8)


def saturate_after(a, b):
    return sat(half_even(sat(terms(a, b).sum(0), 20), 5), 8)


def accumulator_wraps(a, b):
    return sat(half_even(wrap(terms(a, b).sum(0), 20), 5), 8)


def output_wraps(a, b):
    return wrap(half_even(sat20(terms(a, b)), 5), 8)


def reversed_order(a, b):
    return sat(half_even(sat20(terms(a, b)[::-1]), 5), 8)


def every_fourth(a, b):
    values = terms(a, b)
    short = -len(values) % 4
    values = np.concatenate([values, np.zeros((short, *values.shape[1:]), np.int64)])
    fours = values.reshape(len(values) // 4, 4, *values.shape[1:]).sum(1)
    return sat(half_even(sat20(fours), 5), 8)


def one_bit_less(a, b):
    return sat(half_even(chain(terms(a, b), lambda x: sat(x, 19)), 5), 8)


def short_group_dropped(a, b):
    return sat(half_even(sat20(terms(a, b)[: len(b) // 4 * 4]), 5), 8)


def last_term_dropped(a, b):
    return sat(half_even(sat20(terms(a, b)[:-1]), 5), 8)


def unsigned_a(a, b):
    return sat(half_even(sat20(terms(a.view(np.uint8), b)), 5), 8)


def guard_bits_lost(a, b):
    return sat(half_even(sat20(terms(a, b)) >> 3, 2), 8)


def rounded_twice(a, b):
    return sat(half_even(half_even(sat20(terms(a, b)), 3), 2), 8)


def logical_shift(a, b):
    acc = sat20(terms(a, b)) % (1 << 32)
    return sat(half_even(acc, 5), 8)


# -- rails ----------------------------------------------------------------------------------------

SYMMETRIC = qs.Datapath(reduce=(qs.Accumulate(16, "saturate_symmetric"),))
HOLDING = qs.Datapath(reduce=(qs.Accumulate(16, "saturate_hold"),))


def full_rail(a, b):
    return chain(terms(a, b), lambda x: sat(x, 16))


# -- pairs ----------------------------------------------------------------------------------------

PAIRS = qs.Datapath(reduce=(qs.Accumulate(16, "saturate", group=2), qs.Accumulate(32, "wrap")))


def in_groups(values, size):
    groups = [values[i : i + size] for i in range(0, len(values), size)]
    total = np.zeros(values.shape[1:], np.int64)
    for group in groups:
        total = total + chain(group, lambda x: sat(x, 16))
    return total


def groups_of_three(a, b):
    return in_groups(terms(a, b), 3)


def no_pair_saturation(a, b):
    return terms(a, b).sum(0)


# -- zero points ----------------------------------------------------------------------------------

OFFSETS = qs.Datapath(reduce=(qs.Accumulate(20, "saturate"),))


def folded(a, b, a_zero_point=0, b_zero_point=0):
    za, zb, k = int(a_zero_point), np.asarray(b_zero_point, np.int64), len(b)
    a, b = a.astype(np.int64), b.astype(np.int64)
    correction = -zb * a.sum(1, keepdims=True) - za * b.sum(0) + k * za * zb
    return sat20(terms(a, b)) + correction


def b_zero_point_ignored(a, b, a_zero_point=0, b_zero_point=0):
    return sat20(terms(a.astype(np.int64) - int(a_zero_point), b))


# -- shifts ---------------------------------------------------------------------------------------

SHIFTS = qs.Datapath(product=qs.Shift(drop=2, rounding="floor", sign="after"))
LOG = qs.LogQuant(3, signed=True)


def shifted(a, b, drop, *, sign_first):
    integers = LOG.decode(b)
    magnitude, sign = np.abs(integers), np.sign(integers)
    x = a.astype(np.int64).T[:, :, None]
    product = x * magnitude[:, None, :]
    signed = sign[:, None, :]
    values = (product * signed) >> drop if sign_first else ((product >> drop) * signed)
    return values.sum(0)


def sign_before_shift(a, b):
    return shifted(a, b, 2, sign_first=True)


def one_guard_bit_less(a, b):
    return shifted(a, b, 3, sign_first=False) * 2


# -- TFLite's chain -------------------------------------------------------------------------------

TFLITE = qs.Datapath(
    reduce=(qs.Accumulate(32, "wrap"),),
    output=(
        qs.AddBias(32),
        qs.Requantize(R.DoubleRounding()),
        qs.AddZeroPoint(),
        qs.Clamp(-128, 127),
    ),
)


def srdhm(x, m, nudge=1 << 30):
    return np.clip((x * m + nudge) >> 31, -(2**31), 2**31 - 1)


def double_rounding(x, m, s, final=half_away, nudge=1 << 30):
    left, right = np.maximum(s, 0), np.maximum(-s, 0)
    return final(srdhm(wrap(x << left, 32), m, nudge), right)


def single_rounding(x, m, s):
    return wrap((x * m + (1 << (30 - s))) >> (31 - s), 32)


def tflite(scale):
    """A kernel of TFLite's shape around a wrong way to scale."""

    def kernel(a, b, *, bias, multiplier, shift, out_zero_point):
        acc = wrap(terms(a, b).sum(0) + bias, 32)
        return np.clip(scale(acc, multiplier, shift) + out_zero_point, -128, 127)

    return kernel


def clamp_first(a, b, *, bias, multiplier, shift, out_zero_point):
    acc = wrap(terms(a, b).sum(0) + bias, 32)
    return np.clip(double_rounding(acc, multiplier, shift), -128, 127) + out_zero_point


def no_bias(a, b, *, bias, multiplier, shift, out_zero_point):
    acc = terms(a, b).sum(0)
    return np.clip(double_rounding(acc, multiplier, shift) + out_zero_point, -128, 127)


def upper_clamp_off_by_one(a, b, *, bias, multiplier, shift, out_zero_point):
    acc = wrap(terms(a, b).sum(0) + bias, 32)
    return np.clip(double_rounding(acc, multiplier, shift) + out_zero_point, -128, 126)


def sixteen_bit_multiplier(acc, m, s):
    return double_rounding(acc, m >> 16 << 16, s)


def first_channel(acc, m, s):
    return double_rounding(acc, m[:1], s[:1])


def no_srdhm_nudge(acc, m, s):
    return double_rounding(acc, m, s, nudge=0)


def final_half_up(acc, m, s):
    return double_rounding(acc, m, s, final=half_up)


def in_float32(acc, m, s):
    scale = (m * 2.0 ** (s - 31)).astype(np.float32)
    return np.rint(acc.astype(np.float32) * scale).astype(np.int64)


def cut_once(acc, m, s):
    return np.sign(acc) * ((np.abs(acc) * m) >> (31 - s))


RUY = qs.Datapath(
    reduce=(qs.Accumulate(32, "wrap"),),
    output=(qs.Requantize(R.SingleRounding()), qs.Clamp(-(2**20), 2**20)),
)


def double_for_single(a, b, *, multiplier, shift):
    acc = terms(a, b).sum(0)
    return np.clip(double_rounding(acc, multiplier, shift), -(2**20), 2**20)


# -- bias as the start ----------------------------------------------------------------------------

STARTED = qs.Datapath(reduce=(qs.Accumulate(16, "saturate", start="bias"),))


def bias_after(a, b, *, bias):
    return chain(terms(a, b), lambda x: sat(x, 16)) + bias


# -- float32 scales -------------------------------------------------------------------------------

FLOAT = qs.Datapath(
    reduce=(qs.Accumulate(32, "wrap"),),
    output=(qs.Requantize(R.FloatScale()), qs.AddZeroPoint(), qs.Clamp(-128, 127)),
)


def float_kernel(round_):
    def kernel(a, b, *, scale, out_zero_point):
        product = terms(a, b).sum(0).astype(np.float32) * scale.astype(np.float32)
        return np.clip(round_(product, out_zero_point), -128, 127).astype(np.int64)

    return kernel


def roundf(product, z):
    p = product.astype(np.float64)
    return np.copysign(np.floor(np.abs(p) + 0.5), p) + z


def zero_point_inside(product, z):
    return np.rint(product + z.astype(np.float32))


def cast(product, z):
    return np.trunc(product) + z


def integer_multiplier(a, b, *, scale, out_zero_point):
    fraction, exponent = np.frexp(scale.astype(np.float64))
    multiplier = np.rint(fraction * 2.0**31).astype(np.int64)
    acc = double_rounding(terms(a, b).sum(0), multiplier, exponent.astype(np.int64))
    return np.clip(acc + out_zero_point, -128, 127)


# -- a zero point before a rounding shift ---------------------------------------------------------

SHIFTED_CODES = qs.Datapath(
    output=(qs.Narrow(6, rounding="half_even"), qs.AddZeroPoint(), qs.Clamp(-128, 127))
)


def zero_point_before(a, b, *, out_zero_point):
    return np.clip(half_even(terms(a, b).sum(0) + (out_zero_point << 6), 6), -128, 127)


FAULTS = (
    Fault("half up instead of half even", MAC, tie_half_up, ("tie rule",), "HALF_UP instead"),
    Fault("no nudge before the shift", MAC, no_nudge, ("missing nudge",), "FLOOR"),
    Fault("C division instead of rounding", MAC, c_division, ("missing nudge",), "TOWARD_ZERO"),
    Fault("saturates after the sum", MAC, saturate_after, ("range rule after the sum",)),
    Fault("accumulator wraps", MAC, accumulator_wraps, ("overflow rule",), "WRAP instead"),
    Fault("output wraps", MAC, output_wraps, ("overflow rule",), "output step 0"),
    Fault("adds backwards", MAC, reversed_order, ("order",), "descending"),
    Fault("sums fours first", MAC, every_fourth, ("range rule every few additions",), "4 terms"),
    Fault("accumulator of 19 bits", MAC, one_bit_less, ("register width",), "19 bits"),
    Fault("short last group dropped", MAC, short_group_dropped, ("dropped terms",), "than 4"),
    Fault("last term dropped", MAC, last_term_dropped, ("dropped terms",), "last term"),
    Fault("a read as unsigned", MAC, unsigned_a, ("signedness",), "codes of a"),
    Fault("sticky bits lost", MAC, guard_bits_lost, ("guard bits",), "only 2 of 5"),
    Fault("rounded twice", MAC, rounded_twice, ("rounded twice",), "by 3 bits"),
    Fault("logical shift", MAC, logical_shift, ("logical shift",), "32 bits"),
    Fault("no symmetric rail", SYMMETRIC, full_rail, ("overflow rule",), "SATURATE instead"),
    Fault("rail is not held", HOLDING, full_rail, ("overflow rule",), "SATURATE instead"),
    Fault("groups of three", PAIRS, groups_of_three, ("group size",), "3 instead of 2"),
    Fault(
        "no saturation in pairs",
        PAIRS,
        no_pair_saturation,
        ("missing step", "register width", "range rule after the sum"),
    ),
    Fault(
        "zero points folded", OFFSETS, folded, ("zero-point placement",), "raw codes",
        qs.Affine(8), qs.Affine(8),
    ),
    Fault(
        "zero point of b ignored", OFFSETS, b_zero_point_ignored, ("zero point ignored",), "of b",
        qs.Affine(8), qs.Affine(8),
    ),
    Fault("sign before the shift", SHIFTS, sign_before_shift, ("sign of the shift",), b=LOG),
    Fault("one guard bit less", SHIFTS, one_guard_bit_less, ("guard bits",), "3 bits", b=LOG),
    Fault(
        "single rounding", TFLITE, tflite(single_rounding), ("requantize scheme",), "SingleRounding"
    ),
    Fault(
        "final half up", TFLITE, tflite(final_half_up), ("requantize scheme", "tie rule"), "half_up"
    ),
    Fault("no nudge in SRDHM", TFLITE, tflite(no_srdhm_nudge), ("missing nudge",), "stage 1"),
    Fault(
        "16-bit multiplier", TFLITE, tflite(sixteen_bit_multiplier), ("multiplier encoding",), "16"
    ),
    Fault(
        "first channel's multiplier", TFLITE, tflite(first_channel), ("multiplier encoding",),
        "first",
    ),
    Fault("float32 scale", TFLITE, tflite(in_float32), ("requantize scheme",), "float32"),
    Fault("cut, once", TFLITE, tflite(cut_once), ("requantize scheme",), "ethos-u-truncate"),
    Fault("clamp before zero point", TFLITE, clamp_first, ("clamp place",)),
    Fault("clamp one too low", TFLITE, upper_clamp_off_by_one, ("clamp limits",), "max -1"),
    Fault("bias left out", TFLITE, no_bias, ("bias",), "left out"),
    Fault("double for single rounding", RUY, double_for_single, ("requantize scheme",), "Double"),
    Fault("bias after the sum", STARTED, bias_after, ("bias place",), "output step 0"),
    Fault("roundf for rintf", FLOAT, float_kernel(roundf), ("tie rule",), "HALF_AWAY"),
    Fault("cast for rintf", FLOAT, float_kernel(cast), ("missing nudge",), "cast"),
    Fault(
        "integer multiplier for a float scale", FLOAT, integer_multiplier, ("requantize scheme",),
        "tflite-double",
    ),
    Fault(
        "zero point inside rintf", FLOAT, float_kernel(zero_point_inside),
        ("zero point before rounding",),
    ),
    Fault(
        "zero point before the shift", SHIFTED_CODES, zero_point_before,
        ("zero point before rounding",),
    ),
)  # fmt: skip
