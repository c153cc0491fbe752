"""Thresholds and scale of a codebook from data: clusters of the numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pyqsim.calibration.fit import Fit, Integers, Reals, power_of_two_above
from pyqsim.calibration.k_means import KMeans
from pyqsim.calibration.options import check_iterations
from pyqsim.calibration.rows import real_rows
from pyqsim.errors import ModeError, QuantizationError
from pyqsim.formats.codebook import Codebook
from pyqsim.tensor import Granularity

__all__ = ["CodebookFit", "fit_codebook", "fit_codebook_tensor"]


def fit_codebook(
    x: npt.ArrayLike, fmt: Codebook, *, reach: float = 1.25, iterations: int = 300
) -> tuple[Reals, Reals]:
    """Find scale and thresholds of every row as the training of Quantization Networks starts.

    ``beta = reach * max(Y) / max(abs(row))`` and scale ``alpha = 1 / beta``, Y the levels; the
    thresholds lie midway between the last number of one cluster of ``beta * row`` and the first
    one of the next, as many clusters as levels.

    Parameters
    ----------
    x : array_like of float or int, shape (parameters, elements)
        Finite real numbers.
    fmt : Codebook
        With ascending levels, the last one > 0; its own thresholds do not matter.
    reach : float
        Finite, > 0. The program: 5/4, so that the largest magnitude is 5/4 of the last level.
    iterations : int
        At most so many steps of k-means; it usually ends earlier, where nothing changes.

    Returns
    -------
    scales : ndarray of float64, shape (1, parameters)
        1 / reach of rows without a number other than 0 and a last level of 1, and so on.
    thresholds : ndarray of float64, shape (parameters, levels - 1)
        In units of the scale: ``Codebook(fmt.numbers, thresholds[i], fmt.frac_bits)`` is the
        format of row i.

    Raises
    ------
    QuantizationError
        For NaN or infinity in `x`, levels or a reach outside these ranges, a scale that
        underflows.
    ShapeError
        For an `x` without two axes.

    Notes
    -----
    k-means begins with quantiles, where the program's library begins at random; see
    `pyqsim.calibration.k_means.KMeans`. The same on every machine.

    References
    ----------
    Yang et al., "Quantization Networks", CVPR 2019; program
    aliyun/alibabacloud-quantization-networks, tools/cluster.py and anybit.py.

    Examples
    --------
    >>> scales, thresholds = fit_codebook([[-5.0, -4.0, 0.0, 1.0, 4.0, 5.0]], Codebook([-1, 0, 1]))
    >>> scales                                      # 5 / 1.25
    array([[4.]])
    >>> thresholds * scales
    array([[-2. ,  2.5]])
    """
    rows = real_rows(x)
    rules = _Rules(fmt, reach, iterations)
    scales = rules.scales(np.abs(rows).max(axis=1, initial=0.0))
    return scales[np.newaxis], rules.clusters(len(rows)).fit(rows / scales[:, np.newaxis])


def fit_codebook_tensor(
    x: Reals,
    fmt: Codebook,
    granularity: Granularity,
    *,
    power_of_two: bool = False,
    reach: float = 1.25,
    iterations: int = 300,
) -> tuple[Reals, Codebook]:
    """Find a scale for each parameter, and the one format that holds the thresholds.

    Scales as `fit_codebook`; the thresholds are those of all numbers together, each in units of
    its own scale.

    Parameters
    ----------
    x : ndarray of float64
    fmt : Codebook
        Without thresholds.
    granularity : Granularity
        Of `x`.
    power_of_two : bool
        Rounds the scales up to powers of two, before the thresholds are found.
    reach, iterations
        As of `fit_codebook`.

    Returns
    -------
    scale : ndarray of float64, shape ``granularity.parameter_shape``
    fmt : Codebook

    Raises
    ------
    ModeError
        For a format that has thresholds.
    QuantizationError
        As `fit_codebook`.
    """
    rules = _Rules(fmt, reach, iterations, power_of_two, template=True)
    rows = granularity.rows(x)
    scales = np.concatenate([rules.scales(np.abs(part).max(axis=1, initial=0.0)) for part in rows])
    scale = scales.reshape(granularity.parameter_shape)
    numbers = x / granularity.spread(scale)
    return scale, rules.filled(rules.clusters(1).fit(numbers.reshape(1, -1)))


class CodebookFit(Fit):
    """`fit_codebook_tensor` of rows that come in chunks."""

    def __init__(
        self,
        fmt: Codebook,
        count: int,
        *,
        power_of_two: bool = False,
        reach: float = 1.25,
        iterations: int = 300,
    ) -> None:
        super().__init__(fmt, count)
        self._rules = _Rules(fmt, reach, iterations, power_of_two, template=True)
        self._clusters = self._rules.clusters(1)
        self._joined = False
        self._scales = np.ones(count)
        self.passes = 1 + self._clusters.passes

    @property
    def finished(self) -> bool:
        """Whether nothing needs to be fed any more."""
        return self._clusters.finished

    def join(self, other: Fit) -> None:
        """Put the numbers into the clusters of `other`, which closes their passes."""
        assert isinstance(other, CodebookFit)
        self._clusters, self._joined = other._clusters, True

    def _later(self, rows: Reals) -> None:
        self._clusters.update((rows / self._scales[:, np.newaxis]).reshape(1, -1))

    def _end(self) -> None:
        if self.turn == 0:
            self._scales = self._rules.scales(self.largest)
            return
        if not self._joined:
            self._clusters.end()
        if self.finished:
            self.fmt = self._rules.filled(self._clusters.borders())

    def result(self) -> tuple[Reals, Integers]:
        """Scales and zero points, shape (count,)."""
        return self._scales, np.zeros(self.count, dtype=np.int64)


class _Rules:
    """What the fits have in common, checked once."""

    def __init__(
        self,
        fmt: Codebook,
        reach: float,
        iterations: int,
        power_of_two: bool = False,
        *,
        template: bool = False,
    ) -> None:
        levels = np.ldexp(np.array(fmt.numbers, dtype=np.float64), -fmt.frac_bits)
        if not (levels[-1] > 0 and bool((levels[:-1] < levels[1:]).all())):
            raise QuantizationError(f"fmt={fmt}, allowed: ascending levels, the last one > 0")
        if not 0 < reach < np.inf:
            raise QuantizationError(f"reach={reach!r}, allowed: finite and > 0")
        check_iterations(iterations)
        if template and fmt.thresholds is not None:
            raise ModeError(f"method='k_means', allowed: a Codebook without thresholds, not {fmt}")
        self._fmt = fmt
        self._levels = levels
        self._reach = reach
        self._iterations = iterations
        self._power_of_two = power_of_two

    def scales(self, largest: Reals) -> Reals:
        """1 / beta of largest magnitudes; 1 stands for no number other than 0."""
        scales = np.where(largest > 0, largest, 1.0) / (self._reach * self._levels[-1])
        scales = power_of_two_above(scales) if self._power_of_two else scales
        self._fmt.check_scale(scales)
        return scales

    def clusters(self, count: int) -> KMeans:
        """k-means of `count` rows in units of the scale."""
        bound = self._reach * float(self._levels[-1])
        return KMeans(count, self._levels, bound, self._iterations)

    def filled(self, borders: Reals) -> Codebook:
        """The format with thresholds, from borders of shape (1, levels - 1)."""
        return Codebook(self._fmt.numbers, borders[0].tolist(), self._fmt.frac_bits)
