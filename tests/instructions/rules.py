"""Which instruction a probe runs for which target, and what its operands are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

__all__ = ["FAMILIES", "Rule", "rules_of"]

FAMILIES = ("x86", "arm", "riscv", "hexagon")

#: The least number of cases of a rule that has as many: golden files, default run, long run.
_LEAST = (200, 100_000, 10_000_000)

Kind = Literal["product", "sum", "shift", "unary", "float"]
Amount = Literal["signed byte", "low bits", "few bits", "constant", "power"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One instruction, lane by lane.

    Attributes
    ----------
    target : str
        Of `pyqsim.targets`.
    kind : str
        What a result is made of: "product": groups of a times groups of b, added to c where the
        rule accumulates; "sum": b and a; "shift": a, shifted by b; "unary": b; "float": the
        integer a times the float32 number b, converted to an integer.
    a, b, out : str
        Types of numpy.
    group : int
        Products of one instruction.
    accumulates : bool
        Whether it adds to c, so that K may be many groups.
    flag : bool
        Whether the machine's saturation flag is set by overflows of the datapath's reduce steps.
    amount : str
        What a number in b says. "signed byte": its low 8 bits, positive is left. "low bits": its
        lowest log2(bits of a), to the right. "few bits": its lowest log2(bits of out), to the
        right. "constant": part of the instruction, to the right. "power": of two, positive is left.
    probe : str
        The probe's name for it, where that is not the target's.
    """

    target: str
    kind: Kind
    a: str
    b: str
    out: str
    group: int = 1
    accumulates: bool = False
    flag: bool = False
    amount: Amount = "signed byte"
    probe: str = ""

    @property
    def family(self) -> str:
        """Which probe has it."""
        return self.target.split("-")[0] if not self.probe else "x86"

    @property
    def instruction(self) -> str:
        """The probe's name for it."""
        return self.probe or self.target.split("-", 1)[1].replace("-", "_")

    @property
    def operands(self) -> Rule:
        """Equal for rules that take the same cases."""
        return replace(self, target="", probe="", flag=False)

    @property
    def domain(self) -> int | None:
        """How many cases there are; None: more than can be counted out."""
        a, b = (8 * np.dtype(name).itemsize for name in (self.a, self.b))
        if self.accumulates or self.group > 1 or self.kind == "float":
            return None
        if self.kind == "unary":
            return 1 << b
        if self.kind == "shift" and self.amount == "constant":
            return b << a
        return 1 << (a + b) if self.amount != "power" else None

    def least(self, level: int) -> int:
        """How many cases a run owes: all of them where they are few."""
        return _LEAST[level] if self.domain is None else min(_LEAST[level], self.domain)

    def left_shifts(self, b: np.ndarray) -> np.ndarray:
        """What amounts say, as shifts to the left; those beyond any effect are clipped."""
        wide = b.astype(np.int64)
        if self.amount == "signed byte":
            shifts = wide.astype(np.int8).astype(np.int64)
        elif self.amount == "low bits":
            shifts = -(wide & (np.dtype(self.a).itemsize * 8 - 1))
        elif self.amount == "few bits":
            shifts = -(wide & (np.dtype(self.out).itemsize * 8 - 1))
        else:
            shifts = -wide if self.amount == "constant" else wide
        if self.amount == "signed byte":
            shifts = shifts.clip(-64, np.dtype(self.out).itemsize * 8)
        return shifts


def _x86() -> list[Rule]:
    pair, quad = {"group": 2}, {"group": 4, "accumulates": True}
    words = {"group": 2, "accumulates": True}
    u8s8, s16, s32 = ("u1", "i1"), ("i2", "i2"), ("i4", "i4")
    rows: list[tuple[str, Kind, tuple[str, str], str, dict[str, object]]] = [
        ("vpmaddubsw", "product", u8s8, "i2", pair),
        ("vpmaddwd", "product", s16, "i4", pair),
        ("vpdpbusd", "product", u8s8, "i4", quad),
        ("vpdpbusds", "product", u8s8, "i4", quad),
        ("vpdpwssd", "product", s16, "i4", words),
        ("vpdpwssds", "product", s16, "i4", words),
        ("pmulhrsw", "product", s16, "i2", {}),
        ("pmulhw", "product", s16, "i2", {}),
        ("paddsb", "sum", ("i1", "i1"), "i1", {}),
        ("paddsw", "sum", s16, "i2", {}),
        ("psubsb", "sum", ("i1", "i1"), "i1", {}),
        ("psubsw", "sum", s16, "i2", {}),
        ("pavgb", "sum", ("u1", "u1"), "u1", {}),
        ("pavgw", "sum", ("u2", "u2"), "u2", {}),
        ("packssdw", "unary", s32, "i2", {}),
        ("packusdw", "unary", s32, "u2", {}),
        ("packsswb", "unary", s16, "i1", {}),
        ("packuswb", "unary", s16, "u1", {}),
        ("cvtps2dq", "shift", s32, "i4", {"amount": "power"}),
        ("mulps-cvtps2dq", "float", ("i4", "f4"), "i4", {}),
    ]
    chains = [
        Rule(target=target, kind="product", a="u1", b="i1", out="i4", probe=probe, **words)
        for target, probe in (("fbgemm-acc16", "acc16"), ("ort-avx2-u8s8", "maddubs_gemm"))
    ]
    return [
        Rule(target=f"x86-{name}", kind=kind, a=a, b=b, out=out, **more)
        for name, kind, (a, b), out, more in rows
    ] + chains


def _arm() -> list[Rule]:
    found = []

    def add(name: str, kind: Kind, a: str, b: str, out: str, **more: object) -> None:
        rule = Rule(target=f"arm-{name}", kind=kind, a=a, b=b, out=out, **more)
        found.append(rule)

    for name, a, b, group in (  # out: the 32 bits, read as signed also of UDOT
        ("sdot", "i1", "i1", 4),
        ("udot", "u1", "u1", 4),
        ("usdot", "u1", "i1", 4),
        ("smmla", "i1", "i1", 8),
    ):
        add(name, "product", a, b, "i4", group=group, accumulates=True)
    for size in (2, 4):
        lane, bits = f"i{size}", 8 * size
        add(f"sqrdmulh-{bits}", "product", lane, lane, lane, flag=True)
        add(f"sqdmulh-{bits}", "product", lane, lane, lane, flag=True)
        add(f"sqrdmlah-{bits}", "product", lane, lane, lane, accumulates=True, flag=True)
        if size == 2:  # the 64-bit form's doubled MIN * MIN leaves int64: it is no target
            add("sqdmlal-32", "product", lane, lane, "i4", accumulates=True, flag=True)
    for size in (1, 2, 4):
        lane, wide, bits = f"i{size}", f"i{2 * size}", 8 * size
        add(f"smlal-{2 * bits}", "product", lane, lane, wide, accumulates=True)
        for name in ("sqadd", "sqsub"):
            add(f"{name}-{bits}", "sum", lane, lane, lane, flag=True)
        for name in ("srshl", "sqrshl", "sshl"):
            add(f"{name}-{bits}", "shift", lane, lane, lane)
        for name in ("sqrshrn", "sqshrn", "sqrshrun", "rshrn"):
            out = f"u{size}" if name == "sqrshrun" else lane
            add(f"{name}-{bits}", "shift", wide, lane, out, amount="constant")
    for name in ("fcvtns", "fcvtas", "fcvtzs"):
        add(f"{name}-32", "shift", "i4", "i4", "i4", amount="power")
    add("fmul-fcvtns", "float", "i4", "f4", "i4")
    return found


def _riscv() -> list[Rule]:
    found = []

    def add(name: str, kind: Kind, a: str, b: str, out: str, **more: object) -> None:
        rule = Rule(target=f"riscv-{name}", kind=kind, a=a, b=b, out=out, **more)
        found.append(rule)

    for size in (1, 2, 4):
        e = f"e{8 * size}"
        signed, unsigned = (f"{sign}{size}" for sign in "iu")
        for mode in ("rnu", "rne", "rdn", "rod"):
            add(f"vsmul-{mode}-{e}", "product", signed, signed, signed, flag=True)
            for sign, lane, wide in (("", signed, f"i{2 * size}"), ("u", unsigned, f"u{2 * size}")):
                add(f"vaadd{sign}-{mode}-{e}", "sum", lane, lane, lane)
                add(f"vasub{sign}-{mode}-{e}", "sum", lane, lane, lane)
                shift = "vssrl" if sign else "vssra"
                add(f"{shift}-{mode}-{e}", "shift", lane, lane, lane, amount="low bits")
                clip = f"vnclip{sign}-{mode}-{e}"
                add(clip, "shift", wide, lane, lane, amount="low bits")
        for sign, lane in (("", signed), ("u", unsigned)):
            add(f"vsadd{sign}-{e}", "sum", lane, lane, lane, flag=True)
            add(f"vssub{sign}-{e}", "sum", lane, lane, lane, flag=True)
        add(f"vwmacc-e{16 * size}", "product", signed, signed, f"i{2 * size}", accumulates=True)
    return found


def _hexagon() -> list[Rule]:
    return [
        Rule(
            target="hexagon-vrmpy",
            kind="product",
            a="u1",
            b="i1",
            out="i4",
            group=4,
            accumulates=True,
        ),
        Rule(
            target="hexagon-vasr-rnd-sat", kind="shift", a="i4", b="i4", out="i2", amount="few bits"
        ),
    ]


_RULES = {"x86": _x86, "arm": _arm, "riscv": _riscv, "hexagon": _hexagon}


def rules_of(family: str) -> list[Rule]:
    """Every rule of a probe."""
    return _RULES[family]()
