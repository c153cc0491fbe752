"""Which layer needs how many bits: a search over one weight format a layer, by measured error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import inf, log10

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice, check_int
from pyqsim.data import FloatNetwork
from pyqsim.data.float_forward import forward
from pyqsim.errors import QuantizationError, ShapeError
from pyqsim.formats import Format
from pyqsim.formats.widths import accumulator_bits, product_limits
from pyqsim.model.machines import MACHINES, Machine
from pyqsim.model.network import run
from pyqsim.model.quantize_network import quantize_network

__all__ = ["Budget", "MixedPrecision", "search_bits"]

_Choice = tuple[int, ...]  # a candidate's number for each layer with weights

#: With at most so many choices "auto" tries all of them.
_EXACT_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Budget:
    """What a network may cost; at least one limit.

    Parameters
    ----------
    weight_bits : int, optional
        Of the stored codes of all weights together; biases and scales do not count.
    accumulator_bits : int, optional
        Width of a signed register in which no layer's sums of products can overflow, with unsigned
        8-bit activations; see `pyqsim.formats.widths`.

    Raises
    ------
    DatapathError
        For numbers below 1.
    QuantizationError
        Without any limit.
    """

    weight_bits: int | None = None
    accumulator_bits: int | None = None

    def __post_init__(self) -> None:
        limits = {name: getattr(self, name) for name in ("weight_bits", "accumulator_bits")}
        for name, limit in limits.items():
            if limit is not None:
                object.__setattr__(self, name, check_int("Budget", name, limit, 1, None))
        if all(limit is None for limit in limits.values()):
            raise QuantizationError("Budget(): no limit, allowed: at least one")


@dataclass(frozen=True, slots=True)
class MixedPrecision:
    """The best choice that a search found.

    Attributes
    ----------
    formats : tuple of Format
        One for each layer with weights, in their order, as `quantize_network` takes them.
    sqnr_db : float
        Energy of the float network's logits over that of the differences from them, in dB, to six
        decimals; inf where there is no difference.
    weight_bits : int
        Of all weights together.
    accumulator_bits : tuple of int
        In which each layer's sums cannot overflow.
    evaluations : int
        How many networks were run.
    exhaustive : bool
        Whether every choice within the budget was run: then no other one is better.
    """

    formats: tuple[Format, ...]
    sqnr_db: float
    weight_bits: int
    accumulator_bits: tuple[int, ...]
    evaluations: int
    exhaustive: bool


def search_bits(
    network: FloatNetwork,
    images: npt.NDArray[np.uint8],
    candidates: Sequence[Format],
    *,
    budget: Budget,
    machine: Machine = MACHINES[0],
    method: str = "auto",
    threads: int | None = None,
) -> MixedPrecision:
    """Choose a weight format for every layer, within a budget, by the error of the logits.

    Every choice that is looked at is quantized and run, bit for bit, on the machine: what its
    rounding and its overflows cost is in the error.

    Parameters
    ----------
    network : FloatNetwork
    images : ndarray of uint8, shape (n, 28, 28)
        Grey levels; calibration digits, not those that accuracy is measured on.
    candidates : sequence of Format
        What a layer's weights may be, one plane each. Where two choices are equally good, the
        smaller one is taken, then the one with earlier candidates.
    budget : Budget
    machine : Machine
        Of all layers; default: exact.
    method : {"auto", "exhaustive", "greedy"}
        ``"exhaustive"``: every choice within the budget. ``"greedy"``: hill climbing, twice: from
        the smallest formats and from the best uniform choice, so that the result is never worse
        than one format for all layers. A step changes the format of one layer; of those that lower
        the error it takes the one with the most dB a bit of weights added. ``"auto"``: exhaustive
        where there are at most 1000 choices.
    threads : int, optional
        As in `pyqsim.matmul`; changes nothing but the time.

    Returns
    -------
    MixedPrecision

    Raises
    ------
    QuantizationError
        Where no choice is within the budget, or a network cannot be quantized.
    DatapathError
        For another method.
    ShapeError
        For images of another shape, or none.

    Notes
    -----
    The float logits depend in their last bits on the machine's BLAS; errors are compared in steps
    of a millionth of a dB, so that choices do not.

    Examples
    --------
    >>> import pyqsim as qs
    >>> from pyqsim.data import digits, float_network
    >>> mlp = float_network("mlp")
    >>> weights = sum(layer.weight.size for layer in mlp.layers if layer.weight is not None)
    >>> found = search_bits(
    ...     mlp,
    ...     digits().calibration_x[:32],
    ...     [qs.Affine(3, narrow=True), qs.Affine(4, narrow=True), qs.Affine(8, narrow=True)],
    ...     budget=Budget(weight_bits=4 * weights),
    ... )
    >>> [fmt.bits for fmt in found.formats], found.weight_bits <= 4 * weights
    ([3, 8, 8], True)
    """
    check_choice("search_bits", "method", method, ("auto", "exhaustive", "greedy"))
    if not candidates:
        raise QuantizationError("candidates=[], allowed: at least one format")
    if images.ndim != 3 or images.shape[1:] != (28, 28) or not len(images):
        raise ShapeError(f"images.shape={images.shape}, allowed: (n, 28, 28), n >= 1")
    search = _Search(network, images, tuple(candidates), budget, machine, threads)
    everything = len(search.candidates) ** len(search.sizes)
    exhaustive = method == "exhaustive" or (method == "auto" and everything <= _EXACT_LIMIT)
    best = search.exhaustive() if exhaustive else search.greedy()
    return MixedPrecision(
        formats=search.formats(best),
        sqnr_db=search.sqnr_db(best),
        weight_bits=search.weight_bits(best),
        accumulator_bits=search.accumulator_bits(best),
        evaluations=len(search.measured),
        exhaustive=exhaustive,
    )


@dataclass(slots=True)
class _Search:
    """Choices of one network, and the errors that were measured so far."""

    network: FloatNetwork
    images: npt.NDArray[np.uint8]
    candidates: tuple[Format, ...]
    budget: Budget
    machine: Machine
    threads: int | None
    sizes: list[int] = field(init=False)  # weights of each layer that has some
    widths: list[list[int]] = field(init=False)  # accumulator bits by layer and candidate
    float_logits: npt.NDArray[np.float64] = field(init=False)
    measured: dict[_Choice, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        weights = [layer.weight for layer in self.network.layers if layer.weight is not None]
        self.sizes = [weight.size for weight in weights]
        terms = [weight.size // weight.shape[-1] for weight in weights]
        limits = [max(product_limits(fmt)) for fmt in self.candidates]
        self.widths = [[accumulator_bits(limit, k) for limit in limits] for k in terms]
        self.float_logits = forward(self.network, self.images / 255)

    def formats(self, choice: _Choice) -> tuple[Format, ...]:
        return tuple(self.candidates[i] for i in choice)

    def weight_bits(self, choice: _Choice) -> int:
        pairs = zip(self.formats(choice), self.sizes, strict=True)
        return sum(fmt.code_bits * size for fmt, size in pairs)

    def accumulator_bits(self, choice: _Choice) -> tuple[int, ...]:
        return tuple(widths[i] for widths, i in zip(self.widths, choice, strict=True))

    def fits(self, choice: _Choice) -> bool:
        weight_limit, width_limit = self.budget.weight_bits, self.budget.accumulator_bits
        return (weight_limit is None or self.weight_bits(choice) <= weight_limit) and (
            width_limit is None or max(self.accumulator_bits(choice)) <= width_limit
        )

    def sqnr_db(self, choice: _Choice) -> float:
        """Quantize and run the network, once a choice."""
        if choice not in self.measured:
            quantized = quantize_network(self.network, self.formats(choice), self.machine)
            codes = quantized.input.tensor(self.images.reshape(len(self.images), 28, 28, 1))
            logits = run(quantized, codes, events=False, threads=self.threads).real()
            noise = float(np.square(self.float_logits - logits).sum())
            signal = float(np.square(self.float_logits).sum())
            self.measured[choice] = round(10 * log10(signal / noise), 6) if noise else inf
        return self.measured[choice]

    def best(self, choices: Iterable[_Choice]) -> _Choice:
        """The smallest error; then the smallest size; then the earliest candidates."""
        fitting = [choice for choice in choices if self.fits(choice)]
        if not fitting:
            raise QuantizationError(
                f"budget={self.budget}, allowed with these candidates: at least "
                f"{self.weight_bits(self.smallest())} bits of weights in accumulators of at least "
                f"{self.narrowest()} bits"
            )
        return min(fitting, key=lambda c: (-self.sqnr_db(c), self.weight_bits(c), c))

    def smallest(self) -> _Choice:
        """For every layer the candidate of fewest bits that its accumulator can take."""
        limit = self.budget.accumulator_bits
        return tuple(
            min(
                range(len(self.candidates)),
                key=lambda i: (
                    limit is not None and widths[i] > limit,
                    self.candidates[i].code_bits,
                    i,
                ),
            )
            for widths in self.widths
        )

    def narrowest(self) -> int:
        """The width that the widest layer needs at least."""
        return max(map(min, self.widths))

    def exhaustive(self) -> _Choice:
        return self.best(product(range(len(self.candidates)), repeat=len(self.sizes)))

    def greedy(self) -> _Choice:
        small = self.best([self.smallest()])
        uniform = [(i,) * len(self.sizes) for i in range(len(self.candidates))]
        starts = dict.fromkeys([small, self.best([small, *uniform])])
        return self.best([self.climb(start) for start in starts])

    def climb(self, choice: _Choice) -> _Choice:
        """Change one layer at a time while that lowers the error."""
        while True:
            here, size = self.sqnr_db(choice), self.weight_bits(choice)
            steps = [step for step in self.neighbours(choice) if self.sqnr_db(step) > here]
            if not steps:
                return choice

            def gain(step: _Choice, here: float = here, size: int = size) -> float:
                return (self.sqnr_db(step) - here) / max(self.weight_bits(step) - size, 1)

            choice = max(steps, key=gain)  # the first one of equals

    def neighbours(self, choice: _Choice) -> list[_Choice]:
        """All choices within the budget that differ in one layer."""
        found = [
            (*choice[:layer], i, *choice[layer + 1 :])
            for layer in range(len(choice))
            for i in range(len(self.candidates))
            if i != choice[layer]
        ]
        return [step for step in found if self.fits(step)]
