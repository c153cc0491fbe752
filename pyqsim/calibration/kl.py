"""Ranges whose clipped histogram loses least information, as TensorRT chooses them."""

from __future__ import annotations

import numpy as np

from pyqsim.calibration.fit import Integers, Reals
from pyqsim.calibration.logarithm import natural_logarithm
from pyqsim.calibration.method import Method
from pyqsim.calibration.options import Options
from pyqsim.calibration.scale_rule import ScaleRule
from pyqsim.errors import ModeError
from pyqsim.formats import Affine
from pyqsim.formats.quotient import floor_quotient

__all__ = ["Divergence"]


class Divergence(Method):
    """Kullback-Leibler divergence of the histogram of magnitudes and its quantized self.

    After S. Migacz, "8-bit inference with TensorRT" (GTC 2017), with what the slides leave open
    fixed. B bins over [0, alpha], alpha the largest magnitude: x falls in bin
    ``min(floor(x * B / alpha), B - 1)``, decided exactly; zeros count. For every i in L..B, with
    ``L = code_max + 1`` levels:

    * P: bins 0..i-1, the counts beyond added to bin i-1;
    * Q: the same bins without those, cut into L groups (bin k in group ``k * L // i``), the
      count of a group spread evenly over its bins that are not empty;
    * both are divided by their sums; the divergence is infinite where Q is 0 and P is not.

    The first i with the smallest divergence gives ``(i + 1/2) * alpha / B``, at most alpha.
    Logarithms and sums are float64, computed in one order by elementary operations.
    """

    passes = 2
    symmetric_only = True

    def __init__(self, rule: ScaleRule, options: Options, count: int) -> None:
        super().__init__(rule, options, count)
        fmt, bins = rule.fmt, options.bins
        if not isinstance(fmt, Affine):
            raise ModeError(f"method='kl', allowed: Affine formats, not {fmt}")
        self._levels = fmt.code_max + 1
        if self._levels > bins:
            raise ModeError(f"bins={bins}, allowed for {fmt}: at least {self._levels}")
        self._histogram = np.zeros((count, bins), dtype=np.int64)

    def _later(self, rows: Reals) -> None:
        bins = self.options.bins
        size, alpha = self.rule.magnitudes(rows), self.alpha[:, None]
        alpha = np.where(alpha > 0, alpha, 1.0)
        place, _ = floor_quotient(size, alpha, bins.bit_length() - 1)
        index = np.minimum(place, bins - 1) + bins * np.arange(self.count)[:, None]
        counts = np.bincount(index.ravel(), minlength=self.count * bins)
        self._histogram += counts.reshape(self.count, bins)

    def _span(self) -> tuple[Reals, Reals]:
        kept = np.array([least_divergence(row, self._levels) for row in self._histogram])
        shares = np.minimum((kept.reshape(self.count) + 0.5) / self.options.bins, 1.0)
        return np.zeros(self.count), self.alpha * shares


def least_divergence(histogram: Integers, levels: int) -> int:
    """How many bins to keep: the first i in ``levels..len(histogram)`` of least divergence.

    Parameters
    ----------
    histogram : ndarray of int64, >= 0
    levels : int

    Returns
    -------
    int

    Examples
    --------
    >>> least_divergence(np.array([8, 8, 8, 8, 8, 8, 1, 0]), 2)
    6
    """
    total = int(histogram.sum())
    if total == 0:
        return len(histogram)
    counts = np.concatenate([[0], np.cumsum(histogram)])
    filled = np.concatenate([[0], np.cumsum(histogram > 0)])
    entropy = np.concatenate([[0.0], np.cumsum(histogram * natural_logarithm(histogram))])
    candidates = range(levels, len(histogram) + 1)
    divergences = [_divergence(i, levels, counts, filled, entropy) for i in candidates]
    return levels + int(np.argmin(divergences))


def _divergence(i: int, levels: int, counts: Integers, filled: Integers, entropy: Reals) -> float:
    """Divergence where i bins are kept, from running sums over the histogram.

    With p the counts of P, T their sum, q those of Q, S their sum:
    ``(sum p log p - sum p log q) / T + log S - log T``.
    """
    kept, total = counts[i], counts[-1]
    outliers, last = total - kept, kept - counts[i - 1]
    if kept == 0 or (outliers > 0 and last == 0):
        return float("inf")
    edges = -(-np.arange(levels + 1) * i // levels)  # first bin of each group
    group, spread = np.diff(counts[edges]), np.diff(filled[edges])
    p_log_p = entropy[i - 1] + (last + outliers) * natural_logarithm(last + outliers)
    log_q = natural_logarithm(group) - natural_logarithm(spread)
    group[-1] += outliers
    p_log_q = np.cumsum(group * log_q)[-1]
    scale = natural_logarithm(kept) - natural_logarithm(total)
    return float((p_log_p - p_log_q) / total + scale)
