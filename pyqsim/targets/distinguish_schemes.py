"""The smallest accumulators and factors on which requantize schemes differ, or why none do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from pyqsim.errors import PyqsimError
from pyqsim.parameters import FixedPointFactor
from pyqsim.requantize import registered
from pyqsim.targets.distinction import Distinction, Pair, Witness
from pyqsim.targets.one_rounding import one_rounding
from pyqsim.targets.scheme_numbers import AnyScheme, SchemeNumbers

__all__ = ["distinguish_schemes"]

Ints = npt.NDArray[np.int64]
_INT32 = (-(2**31), 2**31 - 1)
_WIDTHS = (32, 48, 64)

#: Powers of two, those near 1 first; then factors with many bits, and the carries of encoders:
#: just below a power of two, and a mantissa that is rounded to 15 bits by way of 31.
_EXPONENTS = (-1, -2, 0, 1, *range(-3, -32, -1), *range(2, 9))
_FACTORS = (
    *(2.0**e for e in _EXPONENTS),
    *(0.75, 0.1, 1 / 3, 0.0123, 0.7 / 64, 3.0, 37.25, 1e-5, 3e-8),
    *(2.0**e * (1 - 2.0**-40) for e in (0, -2, -7, -20)),
    1 - 2.0**-17,
    (2.0**14 + 0.5 - 2.0**-18) * 2.0**-15,
)
_AMOUNTS = tuple(sorted(range(-31, 32), key=lambda amount: (abs(amount), amount < 0)))
#: Registers with an offset, for schemes that add one.
_OFFSETS = tuple(
    FixedPointFactor(*map(np.asarray, one))
    for one in ((16384, 15, 5), (-12345, 3, -7), (24576, 20, -(2**31)))
)
_ACCUMULATORS = "every 16-bit accumulator and the neighbours of sums of two powers of two"


@cache
def _numbers() -> tuple[SchemeNumbers, ...]:
    return (
        *(SchemeNumbers(scale=factor) for factor in _FACTORS),
        *(SchemeNumbers(amount=amount) for amount in _AMOUNTS),
        *(SchemeNumbers(parameters=one) for one in _OFFSETS),
        SchemeNumbers(scale=0.5, zero_point=1),
    )


@cache
def _accumulators() -> Ints:
    """The smallest magnitude first, the positive one of two."""
    near = {
        sign * (2**e + other * 2**f) + d
        for e in range(14, 64)
        for f in range(e)
        for other in (1, -1)
        for sign in (1, -1)
        for d in (-1, 0, 1)
    }
    inside = [v for v in near if -(2**63) < v < 2**63]
    every = np.unique(np.concatenate([np.arange(-(2**15), 2**15), np.array(inside, np.int64)]))
    return every[np.lexsort((every < 0, np.abs(every)))].astype(np.int64)


@cache
def _parts(bits: int) -> tuple[Ints, ...]:
    """Indices of the accumulators that a register of `bits` holds, by the width they need."""
    needed = np.zeros(len(_accumulators()), dtype=np.int64)
    widths = [width for width in (*_WIDTHS, bits) if width <= bits]
    for width in sorted(widths, reverse=True):
        low, high = -(2 ** (width - 1)), 2 ** (width - 1) - 1
        needed[(_accumulators() >= low) & (_accumulators() <= high)] = width
    return tuple(np.flatnonzero(needed == width) for width in sorted(set(widths)))


@dataclass(frozen=True, eq=False)
class _Answer:
    """What a scheme makes of all accumulators that it can take."""

    values: Ints
    known: npt.NDArray[np.bool_]


@dataclass
class _Search:
    """What is known of one pair while numbers are tried: at best no difference."""

    first: str
    second: str
    place: tuple[int, int] | None = None  # index of the accumulator, of the numbers
    common: list[int] = field(default_factory=list)  # numbers that both can take

    def meet(self, index: int, x: _Answer | None, y: _Answer | None) -> None:
        """Look for a smaller accumulator than the one found so far."""
        if x is None or y is None:
            return
        self.common.append(index)
        found = _first_difference(x, y, len(x.values) if self.place is None else self.place[0])
        if found is not None:
            self.place = found, index


def _first_difference(x: _Answer, y: _Answer, stop: int) -> int | None:
    """Index before `stop`; most differ soon, so that a few are looked at first."""
    for part in (slice(0, min(64, stop)), slice(64, stop)):
        differ = x.values[part] != y.values[part]
        differ &= x.known[part] & y.known[part]
        if differ.any():
            return part.start + int(differ.argmax())
    return None


def distinguish_schemes(candidates: Mapping[str, AnyScheme] | Sequence[str]) -> Distinction:
    """Find the smallest accumulators, and numbers given with them, on which schemes differ.

    Parameters
    ----------
    candidates : mapping of str to scheme, or sequence of str
        Names are those of `pyqsim.requantize.registered`.

    Returns
    -------
    Distinction
        A witness is an accumulator and one of scale, amount or parameters, perhaps with a zero
        point of the result: see `SchemeNumbers`.
        Results are clamped to int32. Pairs without witness are proven equal for every accumulator
        that both can take (`one_rounding`), or equal on all that was tried; the proof says which,
        and over what.

    Examples
    --------
    >>> found = distinguish_schemes(["tflite-single", "float32"])
    >>> found.witnesses[0].inputs, dict(found.witnesses[0].outputs)
    ({'acc': 1, 'scale': 0.5}, {'tflite-single': 1, 'float32': 0})
    """
    if not isinstance(candidates, Mapping):
        candidates = {name: registered()[name] for name in candidates}
    searches = [_Search(*pair) for pair in combinations(candidates, 2)]
    for index, numbers in enumerate(_numbers()):
        answers = {name: _answer(scheme, numbers) for name, scheme in candidates.items()}
        for search in searches:
            search.meet(index, answers[search.first], answers[search.second])
    witnesses: list[Witness] = []
    pairs: list[Pair] = []
    for search in searches:
        if search.place is None:
            pairs.append(_settled(search, candidates))
        elif not any(one.separates(search.first, search.second) for one in witnesses):
            witnesses.append(_witness(*search.place, candidates))
    return Distinction(tuple(witnesses), tuple(pairs))


def _answer(scheme: AnyScheme, numbers: SchemeNumbers) -> _Answer | None:
    """None where the scheme cannot take the numbers."""
    answer = _Answer(np.zeros_like(_accumulators()), np.zeros(len(_accumulators()), dtype=bool))
    try:
        parameters = numbers.parameters_of(scheme)
    except PyqsimError:
        return None
    for part in _parts(scheme.input_bits):
        try:
            found = _codes(scheme, _accumulators()[part], parameters, numbers)
        except PyqsimError:  # 64 bits times a large factor may leave int64
            continue
        answer.values[part], answer.known[part] = found, True
    return answer if answer.known.any() else None


def _witness(at: int, index: int, candidates: Mapping[str, AnyScheme]) -> Witness:
    acc, numbers = int(_accumulators()[at]), _numbers()[index]
    outputs: dict[str, int | None] = {}
    for name, scheme in candidates.items():
        try:
            parameters = numbers.parameters_of(scheme)
            outputs[name] = int(_codes(scheme, np.array([acc]), parameters, numbers)[0])
        except PyqsimError:
            outputs[name] = None
    zero_point = {"zero_point": numbers.zero_point} if numbers.zero_point else {}
    return Witness({"acc": acc, **numbers.given, **zero_point}, outputs)


def _codes(
    scheme: AnyScheme, acc: Ints, parameters: object, numbers: SchemeNumbers
) -> npt.NDArray[np.integer]:
    zero_point = numbers.zero_point or None
    return scheme.apply(acc, parameters, zero_point=zero_point, clamp=_INT32)


def _settled(search: _Search, candidates: Mapping[str, AnyScheme]) -> Pair:
    names = search.first, search.second
    first, second = (candidates[name] for name in names)
    common = [_numbers()[index] for index in search.common]
    if not common:
        return Pair(*names, incomparable="no numbers that both can take")
    bits = min(first.input_bits, second.input_bits)
    accumulators = f"{_ACCUMULATORS}, of {bits} bits"
    if all(_equal_forms(first, second, one, bits) for one in common):
        accumulators = f"every accumulator of {bits} bits: one rounding of one quotient"
    return Pair(*names, proof=f"equal for {accumulators}; {', '.join(_described(common))}")


def _equal_forms(first: AnyScheme, second: AnyScheme, numbers: SchemeNumbers, bits: int) -> bool:
    forms = [one_rounding(one, numbers.parameters_of(one), bits) for one in (first, second)]
    return forms[0] is not None and forms[0] == forms[1]


def _described(common: Sequence[SchemeNumbers]) -> Iterator[str]:
    """The numbers of a domain, in words."""
    moved = [one for one in common if one.zero_point]
    common = [one for one in common if not one.zero_point]
    factors = [float(np.asarray(one.scale)) for one in common if one.scale is not None]
    powers = [int(np.log2(factor)) for factor in factors if np.frexp(factor)[0] == 0.5]
    if powers:
        yield f"factors 2**{min(powers)}..2**{max(powers)}"
    others = [f"{factor:.12g}" for factor in factors if np.frexp(factor)[0] != 0.5]
    if others:
        yield f"factors {', '.join(others)}"
    amounts = [int(np.asarray(one.amount)) for one in common if one.amount is not None]
    if amounts:
        yield f"amounts {min(amounts)}..{max(amounts)}"
    yield from (repr(one.parameters) for one in common if one.parameters is not None)
    yield from (f"factor {one.scale} with a zero point of {one.zero_point}" for one in moved)
