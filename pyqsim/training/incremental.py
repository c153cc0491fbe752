"""Incremental network quantization (INQ): freeze the largest weights, retrain the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np
import numpy.typing as npt

from pyqsim.checks import check_choice
from pyqsim.errors import OperandError, QuantizationError, ShapeError
from pyqsim.formats.base import Format, real_array
from pyqsim.training.gradients import Gradients, Reals, upstream_array

__all__ = [
    "INQ_OFFICIAL_PORTIONS",
    "INQ_PYTORCH_PORTIONS",
    "IncrementalQuantization",
    "IncrementalStep",
    "freeze_largest",
]

#: Share of the weights that is frozen after each step, in Mxbonn/INQ-pytorch's example.
INQ_PYTORCH_PORTIONS = (0.5, 0.75, 0.82, 1.0)
#: The same of AojunZhou/Incremental-Network-Quantization's ``run.py``, whose source has the first.
INQ_OFFICIAL_PORTIONS = (0.3, 0.6, 0.8, 1.0)

_VARIANTS = ("paper", "official", "inq_pytorch")

Mask = npt.NDArray[np.bool_]


def freeze_largest(
    weights: npt.ArrayLike,
    portion: float,
    frozen: npt.ArrayLike | None = None,
    variant: str = "paper",
) -> Mask:
    """Which weights are frozen once a portion of them is: those of largest magnitude first.

    Of N weights, with ``m = N * (1 - portion)`` and t a threshold:

    =============  =========================================================================
    variant        frozen
    =============  =========================================================================
    "paper"        what was, and of the others the largest, until ``floor(m + 1/2)`` are
                   free; of equal magnitudes those of lower flat (C order) index
    "official"     what was, and all ``|w| >= t``, t number ``int(m) - 1`` (from 0) of all
                   magnitudes in ascending order: one more than meant, and every equal one
    "inq_pytorch"  ``|w| >= t``, ``t = numpy.quantile(|w|, 1 - portion)``, whatever was
                   frozen before: retrained weights that grow can thaw others
    =============  =========================================================================

    Parameters
    ----------
    weights : array_like of float, any shape
    portion : float
        In [0, 1]; taken as the decimal number it prints as, but by "inq_pytorch".
    frozen : array_like of bool, optional
        Frozen before, of the shape of `weights`; default: none.
    variant : {"paper", "official", "inq_pytorch"}

    Returns
    -------
    ndarray of bool, shape of `weights`

    Raises
    ------
    QuantizationError
        For a portion outside [0, 1].
    OperandError, ShapeError
        For a mask that is not bool or not of the shape of `weights`.
    DatapathError
        For an unknown variant.

    Notes
    -----
    The paper (ICLR 2017) leaves ties and the rounding of the count open; the rules here are
    deterministic. "official" is ``blob.cpp`` of AojunZhou/Incremental-Network-Quantization
    (m in double; with int(m) = 0, where it reads before its array, all are frozen);
    "inq_pytorch" is Mxbonn/INQ-pytorch in float64 (older revisions froze the smallest).

    Examples
    --------
    >>> freeze_largest([0.1, -0.9, 0.5, -0.5], 0.5)
    array([False,  True,  True, False])
    """
    values = np.abs(real_array("weights", weights))
    check_choice("freeze_largest", "variant", variant, _VARIANTS)
    if not 0 <= portion <= 1:
        raise QuantizationError(f"portion={portion!r}, allowed: 0..1")
    before = _mask(frozen, values.shape)
    if values.size == 0:
        return before.copy()
    rest = 1 - Fraction(str(portion))
    if variant == "paper":
        return _largest_by_index(values, before, rest)
    if variant == "official":
        return before | (values >= _official_threshold(values, rest))
    return np.asarray(values >= np.quantile(values, 1 - portion))


def _largest_by_index(size: Reals, before: Mask, rest: Fraction) -> Mask:
    """Freeze the largest of what is free until ``floor(N * rest + 1/2)`` are free."""
    count = max(0, int((~before).sum()) - floor(size.size * rest + Fraction(1, 2)))
    after = before.reshape(-1).copy()
    ranked = np.where(after, -1.0, size.reshape(-1))  # frozen ones come last
    after[np.argsort(-ranked, kind="stable")[:count]] = True
    return after.reshape(size.shape)


def _official_threshold(size: Reals, rest: Fraction) -> float:
    place = int(size.size * float(rest)) - 1
    return float(np.sort(size, axis=None)[max(place, 0)])


def _mask(frozen: npt.ArrayLike | None, shape: tuple[int, ...]) -> Mask:
    if frozen is None:
        return np.zeros(shape, dtype=np.bool_)
    mask = np.asarray(frozen)
    if mask.dtype != np.bool_:
        raise OperandError(f"frozen: dtype={mask.dtype}, allowed: bool")
    if mask.shape != shape:
        raise ShapeError(f"frozen.shape={mask.shape}, allowed: {shape}")
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class IncrementalStep:
    """Weights after one step, and which of them are frozen.

    Attributes
    ----------
    weights : ndarray of float64
    frozen : ndarray of bool
    """

    weights: Reals
    frozen: Mask


@dataclass(frozen=True, slots=True, eq=False)
class IncrementalQuantization:
    """INQ's loop: freeze and quantize a portion, retrain what is free, freeze more.

    Parameters
    ----------
    quantizer : Format or callable
        A callable takes and returns an array of float64, elementwise. A format encodes at `scale`
        by its own rounding. Its range is fixed from the initial weights and never changed (INQ:
        ``n1 = floor(log2(4 * max|w| / 3))``).
    scale : float
        Of a format; a callable does not see it.
    variant : {"paper", "official", "inq_pytorch"}
        Who freezes when; see `freeze_largest`.

    Examples
    --------
    >>> from pyqsim.formats import PowerOfTwo
    >>> inq = IncrementalQuantization(PowerOfTwo(4), scale=1.0)
    >>> w = np.array([0.9, -0.2, 0.05, 0.3])
    >>> first = inq.step(w, 0.5)
    >>> first.weights
    array([ 1.  , -0.2 ,  0.05,  0.25])
    >>> inq.backward(first.frozen, upstream=1.0).dx         # frozen weights do not learn
    array([0., 1., 1., 0.])
    >>> inq.step(first.weights, 1.0, first.frozen).weights
    array([ 1.    , -0.25  ,  0.0625,  0.25  ])
    """

    quantizer: Format | Callable[[Reals], Reals]
    scale: float = 1.0
    variant: str = "paper"

    def __post_init__(self) -> None:
        if not (isinstance(self.quantizer, Format) or callable(self.quantizer)):
            raise OperandError(f"quantizer={self.quantizer!r}, allowed: a Format or a callable")
        check_choice("IncrementalQuantization", "variant", self.variant, _VARIANTS)

    def step(
        self, weights: npt.ArrayLike, portion: float, frozen: npt.ArrayLike | None = None
    ) -> IncrementalStep:
        """Freeze until `portion` of the weights is frozen, and quantize what was frozen now.

        Parameters
        ----------
        weights : array_like of float, any shape
        portion : float
            In [0, 1]; see `INQ_PYTORCH_PORTIONS`.
        frozen : array_like of bool, optional
            Of the step before. These weights are returned as they are.

        Returns
        -------
        IncrementalStep
        """
        values = real_array("weights", weights)
        after = freeze_largest(values, portion, frozen, self.variant)
        now = after & ~_mask(frozen, values.shape)
        values[now] = self._quantized(values[now])
        return IncrementalStep(values, after)

    def backward(self, frozen: npt.ArrayLike, upstream: npt.ArrayLike) -> Gradients:
        """The gradient that reaches the weights: `upstream` where they are free, else 0.

        Parameters
        ----------
        frozen : array_like of bool
        upstream : array_like of float
            Of the shape of `frozen`, or a scalar.

        Returns
        -------
        Gradients
        """
        mask = _mask(frozen, np.shape(frozen))
        return Gradients(dx=upstream_array(upstream, mask.shape) * ~mask)

    def _quantized(self, x: Reals) -> Reals:
        if not isinstance(self.quantizer, Format):
            return self.quantizer(x)
        integers = self.quantizer.decode(self.quantizer.encode(x, self.scale)).astype(np.float64)
        return np.asarray(np.ldexp(integers, -self.quantizer.frac_bits) * self.scale)
