"""What the hardware does to one dot product, as a value: a product, reduce steps, output steps.

Every output (m, n) is computed alone from its K terms: ``a`` is M x K (activations), ``b`` is
K x N (weights). The classes here are frozen and validated on construction; they hold no data of
a call (bias, multipliers, zero points come with the call) and compute nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal, TypeGuard

import numpy as np
import numpy.typing as npt

from pyqsim.checks import array_of, check_bool, check_choice, check_int
from pyqsim.errors import DatapathError
from pyqsim.modes import FLOOR, WRAP, Overflow, OverflowRule, Rounding

__all__ = [
    "Accumulate",
    "AccumulateLogs",
    "AddBias",
    "AddLogs",
    "AddZeroPoint",
    "Clamp",
    "CorrectZeroPoints",
    "Datapath",
    "FromLogs",
    "Lookup",
    "Merge",
    "Multiply",
    "Narrow",
    "OutputStep",
    "Product",
    "ReduceStep",
    "Register",
    "Requantize",
    "Scheme",
    "Shift",
    "Stage",
    "Table",
    "Thresholds",
    "nest_order",
]

_NARROW_ONLY = (
    OverflowRule.SATURATE_ZERO,
    OverflowRule.WRAP_SATURATED_BITS,
    OverflowRule.SIGN_MAGNITUDE_WRAP,
)


@dataclass(frozen=True, eq=False)
class Table:
    """A frozen, read-only int64 array that compares by its content.

    Parameters
    ----------
    values : array_like of int
        Copied.
    """

    values: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        values = array_of("table", "values", self.values)
        if values.dtype.kind not in "iu" and not (values.size == 0):
            raise DatapathError(f"table: dtype={values.dtype}, allowed: integers")
        if values.dtype.kind == "u" and values.size and int(values.max()) > 2**63 - 1:
            raise DatapathError(f"table: value {int(values.max())}, allowed: -2**63..2**63-1")
        frozen = np.array(values, dtype=np.int64)
        frozen.setflags(write=False)
        object.__setattr__(self, "values", frozen)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.values.shape, self.values.tobytes()))

    def __repr__(self) -> str:
        return repr(self.values.tolist())


# ---------------------------------------------------------------------------------------------
# products


@dataclass(frozen=True, slots=True)
class Multiply:
    """Term k is a product of two exact integers.

    Parameters
    ----------
    zero_points : {"subtract", "fold"}
        ``"subtract"``: ``(a - za) * (b - zb)``. ``"fold"``: ``a * b`` raw; the output step
        `CorrectZeroPoints` (required then, unless both zero points are 0) adds
        ``-zb*sum(a) - za*sum(b) + K*za*zb``. Equal only while nothing overflows.
    """

    zero_points: Literal["subtract", "fold"] = "subtract"

    def __post_init__(self) -> None:
        check_choice("Multiply", "zero_points", self.zero_points, ("subtract", "fold"))


@dataclass(frozen=True, slots=True)
class Shift:
    """Term k is a sum of shifted copies of the other operand.

    The shifting operand is b if its format has shifts, else a; its integer is
    ``s * sum(2**e)`` with s its sign and e the set bits of its magnitude. x is the other operand,
    zero point subtracted, with its own sign; if both have shifts, x is the sign of a and every
    pair of powers (a's, b's) is one power with the exponents added. With R = rounding right shift
    by `drop`:

    ========  ========  =============================
    per       sign      term
    ========  ========  =============================
    "term"    "before"  ``sum R(s * x * 2**e)``
    "term"    "after"   ``s * sum R(x * 2**e)``
    "sum"     either    ``R(s * sum x * 2**e)``
    ========  ========  =============================

    A zero code (N = 0) gives 0. ``drop=0`` is exact and equals `Multiply`. The term stands for
    ``value * 2**(drop - frac_bits)``, both formats' frac_bits added.

    Parameters
    ----------
    drop : int
        0..64, bits dropped.
    rounding : Rounding or str
    sign : {"after", "before"}
    per : {"term", "sum"}
    """

    drop: int = 0
    rounding: Rounding = FLOOR
    sign: Literal["after", "before"] = "after"
    per: Literal["term", "sum"] = "term"

    def __post_init__(self) -> None:
        object.__setattr__(self, "drop", check_int("Shift", "drop", self.drop, 0, 64))
        object.__setattr__(self, "rounding", Rounding.of(self.rounding))
        check_choice("Shift", "sign", self.sign, ("after", "before"))
        check_choice("Shift", "per", self.per, ("term", "sum"))


@dataclass(frozen=True)
class Lookup:
    """A table: as a product, ``table[a_code, b_code]`` or ``table[k, a_code, b_code]``.

    Codes are bit patterns (two's complement for signed codes); zero points are not applied. The
    elements of an operand without format are its codes. In a scale group k restarts.

    As an output step the table has one axis of ``2**w`` entries and is indexed by the value's
    w-bit two's complement pattern; the value must lie in ``[-2**(w-1), 2**w - 1]``.

    Parameters
    ----------
    table : array_like of int
    """

    table: Table

    def __post_init__(self) -> None:
        if not isinstance(self.table, Table):
            object.__setattr__(self, "table", Table(self.table))
        values = self.table.values
        if values.ndim not in (1, 2, 3) or 0 in values.shape:
            raise DatapathError(
                f"Lookup: table.shape={values.shape}, allowed: (codes,) as an output step, "
                "(a_codes, b_codes) or (k, a_codes, b_codes) as a product, none of them 0"
            )
        if values.ndim == 1 and values.size & (values.size - 1):
            raise DatapathError(f"Lookup: {values.size} entries, allowed: a power of two")


@dataclass(frozen=True, slots=True)
class AddLogs:
    """Term k is the base-2 logarithm of a product, in fixed point: exponents are added.

    Both operands' formats must have shifts and one power of two a code (LogQuant, PowerOfTwo):
    ``N = s * 2**e``. Where ``s_a * s_b`` is the sign asked for, the term is
    ``(e_a + e_b) * 2**guard_bits``; where it is not, and where a code is zero, the term is -1, the
    logarithm of nothing. `AccumulateLogs` sums such terms, `FromLogs` turns a sum into an integer.

    Logarithms have no sign, so hardware has one accumulator for the positive terms and one for the
    negative ones: run both and subtract.

    Parameters
    ----------
    guard_bits : int
        0..32, fraction bits of the sum that follows.
    sign : {"positive", "negative"}
        Which products are taken.

    Notes
    -----
    Source: Miyashita, Lee, Murmann, "Convolutional neural networks using logarithmic data
    representation", 2016, accumulation in the log domain.
    """

    guard_bits: int = 8
    sign: Literal["positive", "negative"] = "positive"

    def __post_init__(self) -> None:
        bits = check_int("AddLogs", "guard_bits", self.guard_bits, 0, 32)
        object.__setattr__(self, "guard_bits", bits)
        check_choice("AddLogs", "sign", self.sign, ("positive", "negative"))


Product = Multiply | Shift | Lookup | AddLogs


# ---------------------------------------------------------------------------------------------
# registers and steps


@dataclass(frozen=True, slots=True)
class Register:
    """A width and what happens to a value outside it.

    Signed ``[-2**(b-1), 2**(b-1)-1]`` with b 2..64, unsigned ``[0, 2**b-1]`` with b 1..63;
    SATURATE_SYMMETRIC is ``[-(2**(b-1)-1), 2**(b-1)-1]`` and signed. ``bits=None`` is exact:
    the call proves by interval arithmetic that int64 holds every value, or raises.
    """

    bits: int | None = None
    overflow: Overflow = WRAP
    signed: bool = True

    @property
    def minimum(self) -> int | None:
        """Smallest value held; None where exact."""
        if self.bits is None:
            return None
        if not self.signed:
            return 0
        symmetric = self.overflow.rule is OverflowRule.SATURATE_SYMMETRIC
        return -(1 << (self.bits - 1)) + symmetric

    @property
    def maximum(self) -> int | None:
        """Largest value held; None where exact."""
        return None if self.bits is None else (1 << (self.bits - self.signed)) - 1


def _check_register(
    step: Narrow | Accumulate | AccumulateLogs | CorrectZeroPoints | Merge | AddBias | AddZeroPoint,
) -> None:
    """Validate and normalise the three register fields that the steps share."""
    where = type(step).__name__
    object.__setattr__(step, "overflow", Overflow.of(step.overflow))
    object.__setattr__(step, "signed", check_bool(where, "signed", step.signed))
    rule, saturated = step.overflow.rule, step.overflow.saturated_bits
    if step.bits is not None:
        low, high = (2, 64) if step.signed else (1, 63)
        object.__setattr__(step, "bits", check_int(where, "bits", step.bits, low, high))
        if saturated > step.bits:
            raise DatapathError(f"{where}: {step.overflow!r}, allowed: at most bits={step.bits}")
    if rule in _NARROW_ONLY and not isinstance(step, Narrow):
        raise DatapathError(f"{where}: overflow={step.overflow!r}, allowed: in Narrow only")
    if rule is OverflowRule.SATURATE_HOLD and not isinstance(step, (Accumulate, Merge)):
        raise DatapathError(f"{where}: overflow=SATURATE_HOLD, allowed: in Accumulate and Merge")
    if not step.signed and rule in (
        OverflowRule.SATURATE_SYMMETRIC,
        OverflowRule.SIGN_MAGNITUDE_WRAP,
    ):
        raise DatapathError(f"{where}: {step.overflow!r} with signed=False, allowed: signed=True")


def _steps(name: str, value: Any, allowed: tuple[type, ...]) -> tuple[Any, ...]:
    """One step or a sequence of steps as a tuple, each of an allowed class."""
    names = ", ".join(cls.__name__ for cls in allowed)
    if isinstance(value, allowed):
        return (value,)
    if not isinstance(value, Iterable) or (isinstance(value, np.ndarray) and value.ndim == 0):
        raise DatapathError(f"{name}={value!r}, allowed: a sequence of {names}")
    steps = tuple(value)
    for step in steps:
        if not isinstance(step, allowed):
            raise DatapathError(f"{name}: {step!r}, allowed: {names}")
    return steps


@dataclass(frozen=True, slots=True)
class Narrow:
    """``v -> round(v * multiplier / (divisor * 2**shift))``, then the range rule for `bits`.

    Rounded once, from the exact quotient, however large the shift. Where the denominator is 1
    (``divisor=1, shift<=0``) nothing is rounded. The rounded value must be provably inside int64
    (interval arithmetic from the operands' extremes), or the call raises.

    Parameters
    ----------
    shift : int
        Right shift; negative is left.
    multiplier : int
        ``-2**63..2**63-1``.
    divisor : int
        ``1..2**63-1``; 1 for STOCHASTIC, whose shift is at most 64.
    rounding : Rounding or str
    bits, overflow, signed
        See `Register`.

    Examples
    --------
    >>> Narrow(shift=6, rounding="half_up", bits=5, overflow="saturate").register.maximum
    15
    """

    shift: int = 0
    multiplier: int = 1
    divisor: int = 1
    rounding: Rounding = FLOOR
    bits: int | None = None
    overflow: Overflow = WRAP
    signed: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "shift", check_int("Narrow", "shift", self.shift, None, None))
        for name, low in (("multiplier", -(2**63)), ("divisor", 1)):
            value = check_int("Narrow", name, getattr(self, name), low, 2**63 - 1)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "rounding", Rounding.of(self.rounding))
        if self.rounding.stochastic and (self.divisor != 1 or self.shift > 64):
            raise DatapathError(
                f"Narrow: STOCHASTIC with divisor={self.divisor}, shift={self.shift}, "
                "allowed: divisor=1, shift<=64"
            )
        _check_register(self)

    @property
    def exact_shift(self) -> int:
        """The shift cut to -127..128: no int64 times int64 rounds differently beyond.

        More than 128 leaves less than half a unit of any such product; 127 or more to the left
        takes every number but 0 out of int64, whatever the divisor below 2**63.
        """
        return min(max(self.shift, -127), 128)

    @property
    def register(self) -> Register:
        """Width and overflow rule."""
        return Register(self.bits, self.overflow, self.signed)


@dataclass(frozen=True, slots=True)
class Accumulate:
    """Sum a sequence of values, the overflow rule acting at every addition.

    The sequence is cut into blocks of ``group * interleave`` values (without `group`: one block,
    also of an empty sequence). In a block, value i goes to accumulator ``i mod interleave``; each
    adds its values in order, the first (start + value) included; then the block passes its
    accumulators on, in their order. A short last block goes through the same additions;
    accumulators that received nothing pass on their start value.

    Parameters
    ----------
    bits, overflow, signed
        See `Register`.
    group : int, optional
        Values an accumulator adds before it is passed on; default: all.
    interleave : int
        Accumulators that take turns, 1 or more.
    start : {"zero", "bias"}
        ``"bias"`` (one step at most): the first accumulator of the first block starts from the
        bias, loaded exactly; in every plane pair and scale group.
    spill : sequence of Narrow
        With `group` = G (and interleave 1): one accumulator that is not cleared; after every G
        additions, and after the last one if that was not such, its value goes through these steps
        and the sum goes on from the result. One value is passed on; an empty sequence passes on
        the start value as it is. SATURATE_HOLD holds across spills: later additions are not made,
        but the spill steps still act. A spill's overflows, smallest and largest values count as
        this step's.
    """

    bits: int | None = None
    overflow: Overflow = WRAP
    group: int | None = None
    interleave: int = 1
    start: Literal["zero", "bias"] = "zero"
    spill: tuple[Narrow, ...] = ()
    signed: bool = True

    def __post_init__(self) -> None:
        _check_register(self)
        if self.group is not None:
            group = check_int("Accumulate", "group", self.group, 1, 2**31 - 1)
            object.__setattr__(self, "group", group)
        interleave = check_int("Accumulate", "interleave", self.interleave, 1, 2**31 - 1)
        object.__setattr__(self, "interleave", interleave)
        check_choice("Accumulate", "start", self.start, ("zero", "bias"))
        spill = _steps("Accumulate: spill", self.spill, (Narrow,))
        object.__setattr__(self, "spill", spill)
        if len(spill) > 256:
            raise DatapathError(f"Accumulate: {len(spill)} spill steps, allowed: at most 256")
        if spill and (self.group is None or self.interleave != 1):
            raise DatapathError(
                f"Accumulate: spill with group={self.group}, interleave={self.interleave}, "
                "allowed: group given, interleave=1"
            )

    @property
    def register(self) -> Register:
        """Width and overflow rule."""
        return Register(self.bits, self.overflow, self.signed)

    def output_count(self, count: int) -> int:
        """How many values leave when `count` values enter."""
        if self.spill:
            return 1
        if self.group is None:
            return self.interleave
        return -(-count // (self.group * self.interleave)) * self.interleave


@dataclass(frozen=True, slots=True)
class AccumulateLogs:
    """Sum logarithms approximately: ``log2(2**s + 2**p) ~ max(s, p) + 2**-|floor(s) - floor(p)|``.

    Values are logarithms with `guard_bits` fraction bits, G; a negative value stands for nothing.
    The sequence is cut into blocks of `group` values (without `group`: one block, also of an empty
    sequence). An accumulator starts as -1. For a value p, with ``d = |(s >> G) - (p >> G)|``::

        s -> s                              if p < 0
        s -> p                              if s < 0
        s -> max(s, p) + (2**G >> d)        else (d > G gives 0)

    and then the range rule, which acts (and sees the number) in the last two cases. The
    accumulators are passed on, in order.

    Parameters
    ----------
    guard_bits : int
        0..32; the same as in `AddLogs`.
    bits, overflow, signed
        See `Register`. SATURATE_HOLD and start values are not offered.
    group : int, optional
        Values an accumulator adds before it is passed on; default: all.
    """

    guard_bits: int = 8
    bits: int | None = None
    overflow: Overflow = WRAP
    group: int | None = None
    signed: bool = True

    def __post_init__(self) -> None:
        bits = check_int("AccumulateLogs", "guard_bits", self.guard_bits, 0, 32)
        object.__setattr__(self, "guard_bits", bits)
        _check_register(self)
        if self.group is not None:
            group = check_int("AccumulateLogs", "group", self.group, 1, 2**31 - 1)
            object.__setattr__(self, "group", group)

    @property
    def register(self) -> Register:
        """Width and overflow rule."""
        return Register(self.bits, self.overflow, self.signed)

    def output_count(self, count: int) -> int:
        """How many values leave when `count` values enter."""
        return 1 if self.group is None else -(-count // self.group)


ReduceStep = Narrow | Accumulate | AccumulateLogs


@dataclass(frozen=True, slots=True)
class CorrectZeroPoints:
    """Add ``-zb*sum(a) - za*sum(b) + K*za*zb``, one exact integer an output.

    Required with ``Multiply("fold")``, allowed nowhere else, before `Merge`.
    """

    bits: int | None = None
    overflow: Overflow = WRAP
    signed: bool = True

    def __post_init__(self) -> None:
        _check_register(self)

    @property
    def register(self) -> Register:
        """Width and overflow rule."""
        return Register(self.bits, self.overflow, self.signed)


@dataclass(frozen=True, slots=True)
class Merge:
    """Sum ``multiplier[i, j, g] * acc[i, j, g]`` over planes of a, of b, and scale groups.

    i, then j, then g ascending, from 0, the rule at every addition. The multipliers come with
    the call (``merge=``, default all 1) and broadcast to (planes of a, planes of b, groups, M, N).
    """

    bits: int | None = None
    overflow: Overflow = WRAP
    signed: bool = True

    def __post_init__(self) -> None:
        _check_register(self)

    @property
    def register(self) -> Register:
        """Width and overflow rule."""
        return Register(self.bits, self.overflow, self.signed)


@dataclass(frozen=True, slots=True)
class AddBias:
    """Add the bias of the call, broadcast to (M, N)."""

    bits: int | None = None
    overflow: Overflow = WRAP
    signed: bool = True

    def __post_init__(self) -> None:
        _check_register(self)

    @property
    def register(self) -> Register:
        """Width and overflow rule."""
        return Register(self.bits, self.overflow, self.signed)


@dataclass(frozen=True, slots=True)
class AddZeroPoint:
    """Add the output zero point of the call (``out_zero_point=``), broadcast to (M, N)."""

    bits: int | None = None
    overflow: Overflow = WRAP
    signed: bool = True

    def __post_init__(self) -> None:
        _check_register(self)

    @property
    def register(self) -> Register:
        """Width and overflow rule."""
        return Register(self.bits, self.overflow, self.signed)


@dataclass(frozen=True, slots=True)
class FromLogs:
    """From a logarithm with G = `guard_bits` fraction bits to an integer in units of ``2**-G``.

    ``v -> (2**G + v mod 2**G) * 2**(v >> G)``, that is ``2**G * (1 + fraction) * 2**floor``, the
    straight line between powers of two; a negative v, the logarithm of nothing, gives 0. The call
    proves that int64 holds the result, or raises.

    Parameters
    ----------
    guard_bits : int
        0..32; the same as in `AddLogs`.
    """

    guard_bits: int = 8

    def __post_init__(self) -> None:
        bits = check_int("FromLogs", "guard_bits", self.guard_bits, 0, 32)
        object.__setattr__(self, "guard_bits", bits)


@dataclass(frozen=True, slots=True)
class Clamp:
    """``min(max(v, min), max)``: an activation's range in codes, not a saturation."""

    min: int
    max: int

    def __post_init__(self) -> None:
        low = check_int("Clamp", "min", self.min, -(2**63), 2**63 - 1)
        high = check_int("Clamp", "max", self.max, -(2**63), 2**63 - 1)
        object.__setattr__(self, "min", low)
        object.__setattr__(self, "max", high)
        if low > high:
            raise DatapathError(f"Clamp: min={low}, max={high}, allowed: min <= max")


@dataclass(frozen=True)
class Thresholds:
    """``v -> how many thresholds t have v >= t`` (FINN's multi-threshold).

    Parameters
    ----------
    values : array_like of int
        Ascending (equal ones allowed): ``(T,)``, or ``(N, T)`` for one row a column n.
    """

    values: Table

    def __post_init__(self) -> None:
        if not isinstance(self.values, Table):
            object.__setattr__(self, "values", Table(self.values))
        values = self.values.values
        if values.ndim not in (1, 2):
            raise DatapathError(f"Thresholds: shape={values.shape}, allowed: (T,) or (N, T)")
        if (values[..., 1:] < values[..., :-1]).any():
            raise DatapathError("Thresholds: values not ascending, allowed: ascending along T")


@dataclass(frozen=True, slots=True)
class Stage:
    """One integer step of a requantize scheme: a `Narrow` completed by the call's parameters.

    Parameters
    ----------
    narrow : Narrow
        The constant part.
    multiplier : bool
        The parameters' multiplier takes the place of `narrow.multiplier`.
    shift : {"none", "all", "left", "right"}
        What is added to `narrow.shift` (a right shift) for the parameters' shift s (positive is
        left): nothing; ``-s``; its left part ``-max(s, 0)``; its right part ``max(-s, 0)``.
    shift_offset : int
        -64..64, added to s before it is split into its parts: where the parts do not meet at 0.
    offset : bool
        The parameters' offset is added to the value first, exactly.
    """

    narrow: Narrow
    multiplier: bool = False
    shift: Literal["none", "all", "left", "right"] = "none"
    shift_offset: int = 0
    offset: bool = False

    def __post_init__(self) -> None:
        check_choice("Stage", "shift", self.shift, ("none", "all", "left", "right"))
        amount = check_int("Stage", "shift_offset", self.shift_offset, -64, 64)
        object.__setattr__(self, "shift_offset", amount)
        check_bool("Stage", "multiplier", self.multiplier)
        check_bool("Stage", "offset", self.offset)


@dataclass(frozen=True)
class Scheme:
    """How an accumulator becomes a scaled integer; the schemes are in `pyqsim.requantize`.

    Attributes
    ----------
    input_bits : int
        Signed width the arithmetic is defined for; a call whose accumulator may leave it raises.
    bits : int
        Signed width of the result.
    """

    @property
    def input_bits(self) -> int:
        """Signed width the arithmetic is defined for."""
        return 64

    @property
    def bits(self) -> int:
        """Signed width of the result."""
        return 32

    @property
    def stages(self) -> tuple[Stage, ...] | None:
        """The integer stages; None for a scheme that scales in floating point."""
        raise NotImplementedError

    @property
    def float_bits(self) -> Literal[32, 64]:
        """Of a scheme without stages: float32, ties to even, or float64, ties away from zero."""
        return 32


@dataclass(frozen=True, slots=True)
class Requantize:
    """Apply a scheme; its parameters come with the call (``requantize=``), broadcast to (M, N)."""

    scheme: Scheme

    def __post_init__(self) -> None:
        if not isinstance(self.scheme, Scheme):
            raise DatapathError(f"Requantize: scheme={self.scheme!r}, allowed: a Scheme")


OutputStep = (
    CorrectZeroPoints
    | Merge
    | AddBias
    | Narrow
    | Requantize
    | AddZeroPoint
    | FromLogs
    | Clamp
    | Lookup
    | Thresholds
)

Nest = tuple[str | tuple[str, int], ...]
Order = tuple[int, ...] | Nest


def is_nest(order: Order) -> TypeGuard[Nest]:
    """Whether an order is a loop nest, not a sequence of k."""
    return any(not isinstance(item, int) for item in order)


@dataclass(frozen=True)
class Datapath:
    """One machine: a product, the steps that reduce its K terms to one value, the output steps.

    Parameters
    ----------
    product : Multiply, Shift, Lookup or AddLogs
    reduce : sequence of Narrow, Accumulate and AccumulateLogs
        Must leave one value for the K of the call.
    output : sequence of output steps
        Applied to each value (after `Merge`: to the merged one), in the order written.
    order : sequence of int, or a loop nest, optional
        Default: ascending k. A sequence in which each k occurs once and -1 is a hole (a term that
        is exactly 0; groups count holes). For conv2d a loop nest, outermost first, over its K axes
        "kh", "kw", "c": ``(("c", 64), "kh", "kw", "c")`` splits c into tiles of 64, the last one
        filled with holes.

    Examples
    --------
    A sequential 24-bit saturating multiply-accumulate:

    >>> dp = Datapath(reduce=(Accumulate(24, "saturate"),))
    >>> dp.reduce[0].register.maximum
    8388607
    """

    product: Product = field(default_factory=Multiply)
    reduce: tuple[ReduceStep, ...] = (Accumulate(),)
    output: tuple[OutputStep, ...] = ()
    order: Order | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.product, (Multiply, Shift, Lookup, AddLogs)):
            raise DatapathError(
                f"product={self.product!r}, allowed: Multiply, Shift, Lookup, AddLogs"
            )
        if isinstance(self.product, Lookup) and self.product.table.values.ndim == 1:
            raise DatapathError("product Lookup: table with one axis, allowed: two or three axes")
        steps = (Narrow, Accumulate, AccumulateLogs)
        for name, allowed in (("reduce", steps), ("output", _OUTPUT_STEPS)):
            object.__setattr__(self, name, _steps(name, getattr(self, name), allowed))
        if len(self.reduce) > 200 or len(self.output) > 50:
            raise DatapathError(
                f"{len(self.reduce)} reduce and {len(self.output)} output steps, "
                "allowed: at most 200 and 50"
            )
        self._check_steps()
        if self.order is not None:
            object.__setattr__(self, "order", _checked_order(self.order))

    def _check_steps(self) -> None:
        biases = sum(isinstance(s, Accumulate) and s.start == "bias" for s in self.reduce)
        biases += sum(isinstance(s, AddBias) for s in self.output)
        if biases > 1:
            raise DatapathError(
                f"the bias is read by {biases} steps, allowed: one start='bias' or one AddBias"
            )
        kinds = [type(step) for step in self.output]
        for kind in (CorrectZeroPoints, Merge, Requantize, AddZeroPoint):
            if kinds.count(kind) > 1:
                raise DatapathError(f"output: {kinds.count(kind)} {kind.__name__}, allowed: one")
        fold = self.product == Multiply("fold")
        if CorrectZeroPoints in kinds and not fold:
            raise DatapathError("output: CorrectZeroPoints, allowed: with Multiply('fold') only")
        if CorrectZeroPoints in kinds and Merge in kinds[: kinds.index(CorrectZeroPoints)]:
            raise DatapathError("output: CorrectZeroPoints after Merge, allowed: before it")
        for step in self.output:
            if isinstance(step, Lookup) and step.table.values.ndim != 1:
                raise DatapathError(
                    f"output Lookup: table.shape={step.table.values.shape}, allowed: one axis"
                )

    @property
    def reads_bias(self) -> bool:
        """Whether a step reads the bias of the call."""
        starts = any(isinstance(s, Accumulate) and s.start == "bias" for s in self.reduce)
        return starts or any(isinstance(step, AddBias) for step in self.output)

    @property
    def result_dtype(self) -> np.dtype[Any]:
        """int32 if the last step with bits has at most 32 signed or 31 unsigned bits, else int64.

        `Requantize` counts as a step with its scheme's bits; Clamp, Lookup and Thresholds do not
        count. A later exact step whose bound leaves int32 makes the call raise.
        """
        for step in reversed((*self.reduce, *self.output)):
            bits = step.scheme.bits if isinstance(step, Requantize) else getattr(step, "bits", None)
            if bits is not None:
                return np.dtype(
                    np.int32 if bits <= 31 + getattr(step, "signed", True) else np.int64
                )
        return np.dtype(np.int64)


_OUTPUT_STEPS = (
    CorrectZeroPoints,
    Merge,
    AddBias,
    Narrow,
    Requantize,
    AddZeroPoint,
    FromLogs,
    Clamp,
    Lookup,
    Thresholds,
)


def _checked_order(order: Sequence[int | str | tuple[str, int]]) -> Order:
    """Return a sequence of ks and holes, or a loop nest, as a tuple."""
    if not isinstance(order, Iterable) or isinstance(order, str):
        raise DatapathError(f"order={order!r}, allowed: a sequence of ks, or a loop nest")
    items = order.tolist() if isinstance(order, np.ndarray) else list(order)
    if any(isinstance(item, (str, tuple, list)) for item in items):
        return _checked_nest(items)
    ks = tuple(check_int("order", "element", item, -1, 2**31 - 1) for item in items)
    real = sorted(k for k in ks if k >= 0)
    if real != list(range(len(real))):
        raise DatapathError("order: allowed: each of 0..K-1 once, and -1 for a hole")
    return ks


def _checked_nest(items: list[int | str | tuple[str, int]]) -> Nest:
    nest: list[str | tuple[str, int]] = []
    for item in items:
        if isinstance(item, str):
            axis, tile = item, 1
        elif isinstance(item, (tuple, list)) and len(item) == 2:
            axis, tile = item[0], check_int("order", "tile", item[1], 1, 2**31 - 1)
        else:
            raise DatapathError(f"order: {item!r}, allowed: 'kh', 'kw', 'c' or (axis, tile)")
        check_choice("order", "axis", axis, ("kh", "kw", "c"))
        nest.append(axis if isinstance(item, str) else (axis, tile))
    for axis in ("kh", "kw", "c"):
        tiles = [1 if isinstance(i, str) else i[1] for i in nest if axis in (i, i[0])]
        plain = nest.count(axis)
        multiples = all(big % small == 0 and big > small for big, small in pairwise(tiles))
        if plain != 1 or tiles[-1] != 1 or not multiples:
            raise DatapathError(
                f"order: axis {axis!r} in {tuple(nest)!r}, allowed: once by its name, after its "
                "tiles, each tile a proper multiple of the next"
            )
    return tuple(nest)


def nest_order(nest: Nest, sizes: dict[str, int]) -> tuple[int, ...]:
    """Spell out a loop nest as a sequence of k, with -1 for holes.

    Parameters
    ----------
    nest : tuple
        As `Datapath.order` takes it.
    sizes : dict
        Length of each of the axes "kh", "kw", "c", in the order in which k counts them (last
        fastest): ``k = (kh * KW + kw) * C + c``.

    Returns
    -------
    tuple of int

    Examples
    --------
    >>> nest_order((("c", 2), "kh", "kw", "c"), {"kh": 1, "kw": 1, "c": 3})
    (0, 1, 2, -1)
    """
    spans = dict.fromkeys(sizes, 0)  # span of one step of the axis' enclosing loop
    loops: list[tuple[str, int, int]] = []  # axis, trips, stride along the axis
    for item in nest:
        axis, tile = (item, 1) if isinstance(item, str) else item
        span = spans[axis] or sizes[axis]
        loops.append((axis, -(-span // tile), tile))
        spans[axis] = tile
    index = {axis: np.zeros((1,), dtype=np.int64) for axis in sizes}
    for axis, trips, stride in loops:
        steps = np.arange(trips, dtype=np.int64)
        index = {
            name: (at[:, None] + (steps * stride if name == axis else 0 * steps)).reshape(-1)
            for name, at in index.items()
        }
    inside = np.logical_and.reduce([index[axis] < size for axis, size in sizes.items()])
    k = np.zeros_like(inside, dtype=np.int64)
    for axis, size in sizes.items():
        k = k * size + index[axis]
    return tuple(np.where(inside, k, -1).tolist())
