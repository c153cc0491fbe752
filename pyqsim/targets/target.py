"""A target: a datapath with a name, its operands' ranges, its source, how far it is verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.datapath import Clamp, Datapath, Requantize, Scheme
from pyqsim.errors import DatapathError
from pyqsim.targets.verified import Verification, verifications

__all__ = ["Confidence", "IntegerRange", "ScaleRule", "Target"]

Confidence = Literal["read", "documented", "unconfirmed"]
ScaleRule = Literal["float64", "float32", "float32 product", "none"]

_CONFIDENCES = ("read", "documented", "unconfirmed")
_SCALE_RULES = ("float64", "float32", "float32 product", "none")


@dataclass(frozen=True, slots=True)
class IntegerRange:
    """All integers from `low` to `high`, both included.

    Examples
    --------
    >>> IntegerRange.of_bits(8, signed=False)
    IntegerRange(low=0, high=255)
    """

    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise DatapathError(f"IntegerRange: low={self.low}, allowed: at most high={self.high}")

    @staticmethod
    def of_bits(bits: int, *, signed: bool = True) -> IntegerRange:
        """What a register of `bits` holds."""
        low = -(1 << (bits - 1)) if signed else 0
        return IntegerRange(low, low + (1 << bits) - 1)

    def holds(self, values: npt.ArrayLike) -> bool:
        """Whether every value lies in the range."""
        array = np.asarray(values)
        return not array.size or (self.low <= array.min() and array.max() <= self.high)

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}..{self.high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One machine by name.

    An instruction is a datapath too: a lane's K products, the accumulator it is given as bias
    (``Accumulate(start="bias")``). One that only shifts has b fixed to 1 and takes the shift with
    the call: ``requantize=PowerOfTwoFactor(-3)`` shifts right by 3.

    Parameters
    ----------
    name : str
        Lower case with hyphens.
    family : str
        The file it stands in.
    title : str
        One line for a table.
    datapath : Datapath
    a, b : IntegerRange
        What the operands may hold, zero points not yet subtracted.
    zero_points : str
        The convention, for readers; "" where the machine has none.
    scale_rule : {"float64", "float32", "float32 product", "none"}
        How the real factor of the scheme comes from the tensors' scales: see `real_scale`.
    bias : IntegerRange
        What the bias, or the accumulator that an instruction is given, may hold.
    shifts : IntegerRange, optional
        Of a machine that only shifts: what PowerOfTwoFactor may hold, positive is left.
    k : int, optional
        Products of one lane of an instruction; None: any K.
    confidence : {"read", "documented", "unconfirmed"}
        What the datapath rests on where no test run has confirmed it.
    source : str
        Project, file or document, with its version.
    notes : str
    pitfalls : tuple of str
        What others got wrong.
    group : str
        Under which tables list targets of one rule, as lanes of several widths; default: `name`.
    """

    name: str
    family: str
    title: str
    datapath: Datapath
    a: IntegerRange
    b: IntegerRange
    source: str
    confidence: Confidence
    zero_points: str = ""
    scale_rule: ScaleRule = "none"
    bias: IntegerRange = IntegerRange(-(2**31), 2**31 - 1)
    shifts: IntegerRange | None = None
    k: int | None = None
    notes: str = ""
    pitfalls: tuple[str, ...] = ()
    group: str = ""

    def __post_init__(self) -> None:
        check_choice("Target", "confidence", self.confidence, _CONFIDENCES)
        check_choice("Target", "scale_rule", self.scale_rule, _SCALE_RULES)
        object.__setattr__(self, "group", self.group or self.name)

    @property
    def scheme(self) -> Scheme | None:
        """How accumulators become codes; None where the machine hands out accumulators."""
        for step in self.datapath.output:
            if isinstance(step, Requantize):
                return step.scheme
        return None

    @property
    def clamp(self) -> Clamp | None:
        """The range of the results, where a `Clamp` gives it."""
        for step in reversed(self.datapath.output):
            if isinstance(step, Clamp):
                return step
        return None

    @property
    def verified(self) -> tuple[Verification, ...]:
        """The test runs against the thing itself; empty: see `confidence`."""
        return verifications(self.name)

    @property
    def status(self) -> str:
        """How much it is worth: "verified", "refuted", or `confidence`.

        "verified" where a test run met the thing itself without a mismatch; "refuted" where one
        found any.
        """
        if any(one.mismatches for one in self.verified):
            return "refuted"
        return "verified" if self.verified else self.confidence

    def real_scale(
        self, a_scale: npt.ArrayLike, b_scale: npt.ArrayLike, out_scale: npt.ArrayLike
    ) -> npt.NDArray[np.float64]:
        """Real factor of the scheme, in the arithmetic that the runtime computes it in.

        Parameters
        ----------
        a_scale, b_scale, out_scale : array_like of float
            Rounded to float32 first, as model files hold them; `b_scale` may be one a channel.

        Returns
        -------
        ndarray of float64
            ``a * b / out``: in float64 with the rule "float64"; the product rounded to float32
            with "float32 product"; product and quotient both rounded with "float32". A machine
            whose toolchain states no rule ("none") gets float64.

        Raises
        ------
        DatapathError
            For a target without scheme.

        Examples
        --------
        >>> from pyqsim import targets
        >>> float(targets.get("ort-vnni").real_scale(0.5, 0.25, 2.0))
        0.0625
        """
        if self.scheme is None:
            raise DatapathError(f"{self.name}: takes no scales, allowed: a target with a scheme")
        a, b, out = (np.asarray(x, dtype=np.float32) for x in (a_scale, b_scale, out_scale))
        if self.scale_rule in ("float64", "none"):
            return np.asarray(a.astype(np.float64) * b.astype(np.float64) / out.astype(np.float64))
        product = a * b
        if self.scale_rule == "float32 product":
            return np.asarray(product.astype(np.float64) / out.astype(np.float64))
        return np.asarray(product / out, dtype=np.float64)
