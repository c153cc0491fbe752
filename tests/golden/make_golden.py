"""Write golden.json: cases computed by the published formulas, never by pyqsim.

Run ``python tests/golden/make_golden.py`` after a change here; test_golden.py compares the
file with what this script makes, and pyqsim with the file. SOURCES says where the formulas stand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("golden.json")
#: Where the formulas stand, by the number that a case carries.
SOURCES = {
    "2.1": "google/gemmlowp fixedpoint.h",
    "2.2": "TFLite quantization_util, MultiplyByQuantizedMultiplier",
    "3": "ARM-software/CMSIS-NN arm_nnsupportfunctions.h",
    "4": "google/XNNPACK requantization.h",
    "5.1": "ONNX Runtime QLinearMatMul",
    "5.3": "pytorch/FBGEMM RefImplementations.cc",
    "6": "TOSA apply_scale",
    "8": "Intel SDM, x86 instructions",
    "9": "Arm ARM, NEON instructions",
    "10": "RISC-V V specification, fixed-point",
    "11": "Hexagon HVX, NVIDIA dp4a",
    "12": "ucb-bar/gemmini",
    "13": "apache/tvm-vta",
    "14": "nvdla/hw",
}

Matrix = list[list[int]]
Dot = Callable[[list[int], list[int], int], int]


# -- words -----------------------------------------------------------------------------------------


def sat(v: int, bits: int) -> int:
    return min(max(v, -(2 ** (bits - 1))), 2 ** (bits - 1) - 1)


def wrap(v: int, bits: int) -> int:
    return (v + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def half_away(v: int, shift: int) -> int:
    return v if shift == 0 else (v + 2 ** (shift - 1) - (v < 0)) >> shift


def half_even(v: int, shift: int) -> int:
    low, dropped = v >> shift, v & (2**shift - 1)
    half = 2 ** (shift - 1)
    return low + (dropped > half or (dropped == half and low % 2 == 1))


def chunks(values: list[int], size: int) -> list[list[int]]:
    return [values[i : i + size] for i in range(0, len(values), size)]


def products(a: list[int], b: list[int]) -> list[int]:
    return [x * y for x, y in zip(a, b, strict=True)]


# -- inputs ----------------------------------------------------------------------------------------


class Inputs:
    """Seeded numbers, corners often."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def one(self, low: int, high: int) -> int:
        corner = self.random.getrandbits(2) == 0
        if corner:
            return (low, high, low + 1, high - 1)[self.random.getrandbits(2)]
        return low + self.random.getrandbits(40) % (high - low + 1)

    def matrix(self, rows: int, columns: int, low: int, high: int) -> Matrix:
        return [[self.one(low, high) for _ in range(columns)] for _ in range(rows)]


U8, S8, S16, S32 = (0, 255), (-128, 127), (-(2**15), 2**15 - 1), (-(2**31), 2**31 - 1)


def dot_case(
    name: str,
    source: str,
    datapath: str,
    formula: Dot,
    a: Matrix,
    b: Matrix,
    bias: Matrix | None = None,
) -> dict[str, Any]:
    """A matmul: `formula` gets a row of a, a column of b and the bias."""
    columns = [list(column) for column in zip(*b, strict=True)]
    expected = [
        [formula(row, column, bias[m][n] if bias else 0) for n, column in enumerate(columns)]
        for m, row in enumerate(a)
    ]
    return {
        "name": name, "source": source, "datapath": datapath,
        "a": a, "b": b, "bias": bias, "expected": expected,
    }  # fmt: skip


# -- x86 (section 8) -------------------------------------------------------------------------------


def vpmaddubsw(a: list[int], b: list[int], _: int) -> int:
    return sat(a[0] * b[0] + a[1] * b[1], 16)


def vpmaddwd(a: list[int], b: list[int], _: int) -> int:
    return wrap(a[0] * b[0] + a[1] * b[1], 32)


def dot_groups(group: int, word: Callable[[int, int], int]) -> Dot:
    """VPDPBUSD[S] and VPDPWSSD[S], one instruction a group: word32(c + exact products)."""

    def formula(a: list[int], b: list[int], c: int) -> int:
        for four in chunks(products(a, b), group):
            c = word(c + sum(four), 32)
        return c

    return formula


def pmulhrsw(a: list[int], b: list[int], _: int) -> int:
    return wrap(((a[0] * b[0] >> 14) + 1) >> 1, 16)


def pmulhw(a: list[int], b: list[int], _: int) -> int:
    return a[0] * b[0] >> 16


def fbgemm_acc16(a: list[int], b: list[int], _: int) -> int:
    """RefImplementations.cc matmul_u8i8acc16_ref, KCB = 256 (section 5.3)."""
    total = t = 0
    terms = products(a, b)
    for k in range(0, len(terms), 2):
        t = sat(t + sat(sum(terms[k : k + 2]), 16), 16)
        if k % 256 == 254:
            total, t = wrap(total + t, 32), 0
    return wrap(total + t, 32)


def x86() -> Iterable[dict[str, Any]]:
    r = Inputs(8)
    ends = [-(2**15), -(2**15) + 1, -1, 0, 1, 2**14, 2**15 - 1]
    column, row = [[v] for v in ends], [ends]
    yield dot_case(
        "VPMADDUBSW", "8", "Datapath(reduce=Accumulate(16, SATURATE, group=2))", vpmaddubsw,
        [[255, 255], [255, 0], [128, 128], *r.matrix(8, 2, *U8)],
        [[127, -128, -128, *r.matrix(1, 6, *S8)[0]], [127, -128, 127, *r.matrix(1, 6, *S8)[0]]],
    )  # fmt: skip
    yield dot_case(
        "VPMADDWD", "8", "Datapath(reduce=Accumulate(32, WRAP, group=2))", vpmaddwd,
        [[S16[0], S16[0]], [S16[0], S16[1]], *r.matrix(5, 2, *S16)],
        [[S16[0], S16[1], 3], [S16[0], S16[0], -5]],
    )  # fmt: skip
    near = [[S32[m % 2], S32[1] - 9000, S32[0] + 9000] for m in range(7)]
    for name, group, low, high, rule, word in (
        ("VPDPBUSD", 4, U8, S8, "WRAP", wrap),
        ("VPDPBUSDS", 4, U8, S8, "SATURATE", sat),
        ("VPDPWSSD", 2, S16, S16, "WRAP", wrap),
        ("VPDPWSSDS", 2, S16, S16, "SATURATE", sat),
    ):
        yield dot_case(
            name, "8",
            f"Datapath(reduce=(Accumulate(group={group}), Accumulate(32, {rule}, start='bias')))",
            dot_groups(group, word),
            [[low[1]] * 12, *r.matrix(6, 12, *low)],
            [[r.one(*high), high[1], high[0]] for _ in range(12)],
            near,
        )  # fmt: skip
    yield dot_case(
        "PMULHRSW", "8",
        "Datapath(reduce=(Narrow(15, rounding=HALF_UP, bits=16), Accumulate(16)))",
        pmulhrsw, column, row,
    )  # fmt: skip
    yield dot_case(
        "PMULHW", "8", "Datapath(reduce=(Narrow(16, bits=16), Accumulate(16)))", pmulhw, column, row
    )
    yield dot_case(
        "FBGEMM acc16", "5.3",
        "Datapath(reduce=(Accumulate(16, SATURATE, group=2), Accumulate(16, SATURATE, group=128), "
        "Accumulate(32, WRAP)))",
        fbgemm_acc16, r.matrix(3, 602, *U8), r.matrix(602, 3, *S8),
    )  # fmt: skip


# -- Arm, RISC-V, Hexagon (sections 9 to 11) -------------------------------------------------------


def sqrdmulh(bits: int, nudge: bool) -> Dot:
    half = 2 ** (bits - 2) if nudge else 0
    return lambda a, b, _: sat((a[0] * b[0] + half) >> (bits - 1), bits)


def sqrdmlah(a: list[int], b: list[int], c: int) -> int:
    return sat(((c << 15) + a[0] * b[0] + 2**14) >> 15, 16)


def sqdmlal(a: list[int], b: list[int], c: int) -> int:
    for product in products(a, b):
        c = sat(c + sat(2 * product, 32), 32)
    return c


def vsmul(mode: str) -> Dot:
    """sat(roundoff(a * b, 15)), vxrm as named in v-spec.adoc."""

    def roundoff(v: int, d: int) -> int:
        dropped, low = v & (2**d - 1), v >> d
        bit = dropped >> (d - 1)
        return (
            low
            + {
                "rnu": bit,
                "rne": bit & int(dropped & (2 ** (d - 1) - 1) != 0 or low % 2 == 1),
                "rdn": 0,
                "rod": int(low % 2 == 0 and dropped != 0),
            }[mode]
        )

    return lambda a, b, _: sat(roundoff(a[0] * b[0], 15), 16)


def arm() -> Iterable[dict[str, Any]]:
    r = Inputs(9)
    for bits, ends in ((16, S16), (32, S32)):
        values = [
            ends[0],
            ends[0] + 1,
            -(2 ** (bits - 2)),
            -3,
            -1,
            0,
            1,
            3,
            2 ** (bits - 2),
            ends[1],
        ]
        for name, rule in (("SQRDMULH", "HALF_UP"), ("SQDMULH", "FLOOR")):
            yield dot_case(
                f"{name}.{bits}", "9",
                f"Datapath(reduce=(Narrow({bits - 1}, rounding={rule}, bits={bits}, "
                f"overflow=SATURATE), Accumulate({bits})))",
                sqrdmulh(bits, rule == "HALF_UP"), [[v] for v in values], [values],
            )  # fmt: skip
    values = [S16[0], -(2**14), -3, -1, 1, 2**14, S16[1]]
    yield dot_case(
        "SQRDMLAH.16", "9",
        "Datapath(reduce=(Narrow(15, rounding=HALF_UP), Accumulate(16, SATURATE, start='bias')))",
        sqrdmlah, [[v] for v in values], [values], r.matrix(7, 7, *S16),
    )  # fmt: skip
    yield dot_case(
        "SQDMLAL.16", "9",
        "Datapath(reduce=(Narrow(-1, bits=32, overflow=SATURATE), "
        "Accumulate(32, SATURATE, start='bias')))",
        sqdmlal, [[S16[0], S16[0], 5], *r.matrix(3, 3, *S16)],
        [[S16[0]] * 3, [S16[0]] * 3, [1, 2, 3]],
        [[-5, 0, S32[1]], *r.matrix(3, 3, *S32)],
    )  # fmt: skip
    yield dot_case(
        "SDOT", "9", "Datapath(reduce=(Accumulate(group=4), Accumulate(32, start='bias')))",
        dot_groups(4, wrap), r.matrix(3, 8, *S8), r.matrix(8, 3, *S8), [[*S32, 0]] * 3,
    )  # fmt: skip
    for mode, rule in (
        ("rnu", "HALF_UP"),
        ("rne", "HALF_EVEN"),
        ("rdn", "FLOOR"),
        ("rod", "TO_ODD"),
    ):
        yield dot_case(
            f"vsmul.{mode}", "10",
            f"Datapath(reduce=(Narrow(15, rounding={rule}, bits=16, overflow=SATURATE), "
            "Accumulate(16)))",
            vsmul(mode), [[v] for v in values], [[*values, 3 * 2**13]],
        )  # fmt: skip


# -- accelerators (sections 13 and 14) -------------------------------------------------------------


def nvdla_int16(truncate: int) -> Dot:
    """CACC: exact groups of 64, sat48 at every add, the RTL's final rounding with its quirk."""

    def formula(a: list[int], b: list[int], _: int) -> int:
        v = 0
        for group in chunks(products(a, b), 64):
            v = sat(v + sum(group), 48)
        q = (v << 16) >> truncate
        guard, stick = q >> 15 & 1, q & (2**15 - 1) != 0
        return sat((q >> 16) + (guard and (v >= 0 or stick)), 32)

    return formula


def vta(shift: int) -> Dot:
    def formula(a: list[int], b: list[int], bias: int) -> int:
        total = 0
        for group in chunks(products(a, b), 16):
            total = wrap(total + sum(group), 32)
        return wrap(wrap(wrap(total + bias, 32) >> shift, 32), 8)

    return formula


def accelerators() -> Iterable[dict[str, Any]]:
    r = Inputs(14)
    a, b = r.matrix(4, 130, *S16), r.matrix(130, 2, *S16)
    for truncate in (0, 1, 7, 16, 17, 20, 31):
        last = "rounding=HALF_AWAY, bits=32, overflow=SATURATE)"
        steps = (
            f"Narrow({truncate}, {last}"
            if truncate <= 16
            else f"Narrow({truncate - 16}), Narrow(16, {last}"
        )
        yield dot_case(
            f"NVDLA int16 truncate {truncate}", "14",
            f"Datapath(reduce=(Accumulate(group=64), Accumulate(48, SATURATE), {steps}))",
            nvdla_int16(truncate), a, b,
        )  # fmt: skip
    for shift in (0, 5):
        yield dot_case(
            f"VTA shift {shift}", "13",
            "Datapath(reduce=(Accumulate(group=16), Accumulate(32)), "
            f"output=(AddBias(32), Narrow({shift}, bits=32), Narrow(bits=8)))",
            vta(shift), r.matrix(3, 40, *S8), r.matrix(40, 3, *S8), r.matrix(3, 3, *S32),
        )  # fmt: skip


# -- requantize (sections 1.3, 2, 3, 4, 5, 6) ------------------------------------------------------


def srdhm(a: int, b: int) -> int:
    """fixedpoint.h l.339: nudge, then C's truncating division."""
    if a == b == S32[0]:
        return S32[1]
    nudged = a * b + (2**30 if a * b >= 0 else 1 - 2**30)
    return nudged // 2**31 if nudged >= 0 else -(-nudged // 2**31)


def mbqm(x: int, m: int, s: int) -> int:
    return half_away(srdhm(wrap(x << max(s, 0), 32), m), max(-s, 0))


def cmsis_single(x: int, m: int, s: int) -> int:
    return wrap(((x * m >> (30 - s)) + 1) >> 1, 32)


def tosa_double(v: int, m: int, s: int) -> int:
    sh = 31 - s
    r = 2 ** (sh - 1)
    if sh > 31:
        r += 2**30 if v >= 0 else -(2**30)
    return (v * m + r) >> sh


def integer_schemes() -> Iterable[dict[str, Any]]:
    r = Inputs(2)
    fixed = [*S32, S32[0] + 1, -3, -2, -1, 0, 1, 2, 3, 2**30, -(2**30), 2**24 + 1, -3991]
    for name, source, scheme, formula in (
        ("MultiplyByQuantizedMultiplier", "2.2", "DoubleRounding()", mbqm),
        ("arm_nn_requantize, single rounding", "3", "SingleRounding()", cmsis_single),
        ("TOSA apply_scale_32, double_round", "6", "DoubleRounding()", tosa_double),
    ):
        for s in (-31, -12, -3, -1, 0, 1, 9):
            m = 2**30 + r.random.getrandbits(30) if s != -3 else 2**30 + 12345
            x = [v for v in [*fixed, *(r.one(*S32) for _ in range(12))] if fits(name, v, s)]
            yield {
                "name": f"{name}, shift {s}", "source": source, "scheme": scheme,
                "parameters": f"Multiplier({m}, {s})", "x": x,
                "expected": [formula(v, m, s) for v in x],
            }  # fmt: skip


def fits(name: str, v: int, s: int) -> bool:
    """TOSA's precondition: -2**(sh-1) <= v < 2**(sh-1), and a left shift that fits."""
    return not name.startswith("TOSA") or -(2 ** (30 - s)) <= v < 2 ** (30 - s)


def float_schemes() -> Iterable[dict[str, Any]]:
    """ONNX Runtime and XNNPACK in float32, one operation at a time."""
    r = Inputs(5)
    f = np.float32
    for scale in (0.5, 0.0078125, 3.1e-3, 1 / 3):
        x = [
            *S32,
            -3,
            -1,
            1,
            3,
            5,
            2**24 + 1,
            2**24 + 3,
            *(r.one(-99999, 99999) for _ in range(16)),
        ]
        products = [f(f(v) * f(scale)) for v in x]
        for zy in (0, 3):
            ort = [min(max(int(np.rint(p)) + zy, -128), 127) for p in products]
            low, high = f(-128 - zy), f(127 - zy)
            xnn = [int(np.rint(min(max(p, low), high))) + zy for p in products]
            for name, source, scheme, expected in (
                ("ONNX Runtime QLinear", "5.1", "FloatScale()", ort),
                ("XNNPACK qs8 fp32", "4", "FloatScale('before')", xnn),
            ):
                yield {
                    "name": f"{name}, scale {scale:.4g}, zero point {zy}", "source": source,
                    "scheme": scheme, "parameters": f"FloatFactor({float(f(scale))!r})", "x": x,
                    "zero_point": zy, "clamp": [-128, 127], "expected": expected,
                }  # fmt: skip


def narrows() -> Iterable[dict[str, Any]]:
    """Shifts of one register: HVX vasr, Gemmini's ROUNDING_RIGHT_SHIFT, saturating packs."""
    r = Inputs(11)
    x = [*S32, -40000, -32769, -32768, -1, 0, 1, 32767, 32768, *(r.one(*S32) for _ in range(20))]
    x += [8 * i + d for i in range(-3, 3) for d in (3, 4, 5)]
    for s in (1, 3, 15):
        step = f"shift={s}, rounding=HALF_UP, bits=16, overflow=SATURATE"
        yield narrow_case(
            f"HVX vasr:rnd:sat {s}",
            "11",
            step,
            x,
            lambda v, s=s: sat((v + (1 << (s - 1))) >> s, 16),
        )
        step = f"shift={s}, rounding=HALF_EVEN"
        yield narrow_case(
            f"Gemmini rounding shift {s}", "12", step, x, lambda v, s=s: half_even(v, s)
        )
        step = f"shift={s}, rounding=HALF_AWAY, bits=32, overflow=SATURATE"
        yield narrow_case(
            f"RoundingDivideByPOT {s}", "2.1", step, x, lambda v, s=s: half_away(v, s)
        )
    step = "bits=16, overflow=SATURATE"
    yield narrow_case("PACKSSDW", "8", step, x, lambda v: sat(v, 16))
    step = "bits=16, overflow=SATURATE, signed=False"
    yield narrow_case("PACKUSDW", "8", step, x, lambda v: min(max(v, 0), 2**16 - 1))


def narrow_case(
    name: str, source: str, step: str, x: list[int], formula: Callable[[int], int]
) -> dict[str, Any]:
    expected = [formula(v) for v in x]
    return {"name": name, "source": source, "narrow": step, "x": x, "expected": expected}


def quantize_multipliers() -> Iterable[dict[str, Any]]:
    """QuantizeMultiplier (section 2.2) on scales given as hex floats."""
    scales = [0.1, 0.5, 0.75, 1.0, 1.5, 3.7e-9, 2.0**-32, 2.0**-33, 1e-12, 1 - 2.0**-33, 123456.789]
    pairs = []
    for scale in scales:
        q, s = math.frexp(scale)
        scaled = q * 2**31
        m = math.floor(scaled) + (scaled - math.floor(scaled) >= 0.5)
        if m == 2**31:
            m, s = m // 2, s + 1
        pairs.append([m, s] if s >= -31 else [0, 0])
    yield {
        "name": "QuantizeMultiplier", "source": "2.2",
        "scales": [scale.hex() for scale in scales], "expected": pairs,
    }  # fmt: skip


def text() -> str:
    """The file: one case a line."""
    makers = (x86, arm, accelerators, integer_schemes, float_schemes, narrows, quantize_multipliers)
    lines = [json.dumps(case, separators=(",", ":")) for maker in makers for case in maker()]
    return "[\n" + ",\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    FILE.write_text(text())
    print(f"{FILE}: {FILE.stat().st_size} bytes")
