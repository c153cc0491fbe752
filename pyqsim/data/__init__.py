"""The 2,000 test digits and the two trained float networks that come with the package.

``digits.npz`` is made by :mod:`pyqsim.data.make_digits`; ``mlp.npz`` and ``cnn.npz`` are made by
:mod:`pyqsim.data.train`.  This module only loads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from math import nan
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Digits", "FloatLayer", "FloatNetwork", "LayerKind", "digits", "float_network"]

LayerKind = Literal["conv2d", "max_pool", "flatten", "linear"]


@dataclass(frozen=True, slots=True, eq=False)
class Digits:
    """Handwritten digits: grey levels 0 (paper) to 255 (ink), and what they show, 0 to 9.

    Attributes
    ----------
    test_x : ndarray of uint8, shape (2000, 28, 28)
        The test digits.  No network saw them in training.
    test_y : ndarray of uint8, shape (2000,)
        Their labels.
    calibration_x : ndarray of uint8, shape (256, 28, 28)
        Digits of the training part, to choose the ranges of activations from.
    calibration_y : ndarray of uint8, shape (256,)
        Their labels.
    """

    test_x: NDArray[np.uint8]
    test_y: NDArray[np.uint8]
    calibration_x: NDArray[np.uint8]
    calibration_y: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class FloatLayer:
    """One layer of a float network; a field that its kind does not use keeps its default.

    Attributes
    ----------
    kind : {"conv2d", "max_pool", "flatten", "linear"}
        Images are NHWC; ``flatten`` keeps that order: row, column, channel.
    weight : ndarray of float32 or None
        ``conv2d``: (kh, kw, c_in, c_out), a cross-correlation; ``linear``: (n_in, n_out).
    bias : ndarray of float32 or None
        ``conv2d``: (c_out,); ``linear``: (n_out,).
    stride : int
        ``conv2d``: pixels between windows, the same in both directions.
    padding : int
        ``conv2d``: rows and columns of zeros added on every side.
    size : int
        ``max_pool``: rows and columns of a window, and the pixels between windows.
    relu : bool
        ``conv2d`` and ``linear``: whether the output is ``max(0, .)`` of the sum.
    output_min, output_max : float
        ``conv2d`` and ``linear``: the smallest and the largest output, after the ReLU where
        there is one, over the 256 calibration digits.  NaN for the other kinds.
    """

    kind: LayerKind
    weight: NDArray[np.float32] | None = None
    bias: NDArray[np.float32] | None = None
    stride: int = 1
    padding: int = 0
    size: int = 1
    relu: bool = False
    output_min: float = nan
    output_max: float = nan

    @property
    def parameters(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The weight and the bias; ValueError for a kind that has none."""
        if self.weight is None or self.bias is None:
            raise ValueError(f"a {self.kind} layer has no weight and bias")
        return self.weight, self.bias


@dataclass(frozen=True, slots=True, eq=False)
class FloatNetwork:
    """A trained float network; its input is ``grey level / 255``, shape (n, 28, 28, 1).

    Attributes
    ----------
    name : str
        Its name, as given to :func:`float_network`.
    layers : tuple of FloatLayer
        In the order in which they run; the last one gives ten logits.
    float_accuracy : float
        The fraction of the 2,000 test digits it gets right, computed in float64.
    """

    name: str
    layers: tuple[FloatLayer, ...]
    float_accuracy: float


def digits() -> Digits:
    """Load the test and the calibration digits.

    Returns
    -------
    Digits
        Read-only uint8 arrays.
    """
    archive = _load("digits.npz")
    return Digits(
        test_x=archive["test_x"],
        test_y=archive["test_y"],
        calibration_x=archive["calibration_x"],
        calibration_y=archive["calibration_y"],
    )


def float_network(name: Literal["mlp", "cnn"]) -> FloatNetwork:
    """Load a trained float network.

    Parameters
    ----------
    name : {"mlp", "cnn"}
        Which one.

    Returns
    -------
    FloatNetwork
        Its weights are read-only float32 arrays.
    """
    if name not in ("mlp", "cnn"):
        raise ValueError(f"name is {name!r}; the networks are 'mlp' and 'cnn'")
    archive = _load(f"{name}.npz")
    count = sum(key.startswith("kind_") for key in archive)
    return FloatNetwork(
        name=name,
        layers=tuple(_layer(archive, index) for index in range(count)),
        float_accuracy=archive["float_accuracy"].item(),
    )


def _layer(archive: Mapping[str, NDArray[Any]], index: int) -> FloatLayer:
    """Layer number `index`: arrays stay arrays, 0-dimensional ones become Python scalars."""
    suffix = f"_{index}"
    fields: dict[str, Any] = {
        key.removesuffix(suffix): array if array.ndim else array.item()
        for key, array in archive.items()
        if key.endswith(suffix)
    }
    return FloatLayer(**fields)


def _load(file_name: str) -> dict[str, NDArray[Any]]:
    """Every array of an ``.npz`` file of this package, read-only."""
    with (
        files(__name__).joinpath(file_name).open("rb") as stream,
        np.load(stream, allow_pickle=False) as archive,
    ):
        arrays = dict(archive)
    for array in arrays.values():
        array.setflags(write=False)
    return arrays
