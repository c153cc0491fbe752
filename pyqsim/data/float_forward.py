"""The float64 forward pass of a float network: what its integer versions are compared with."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pyqsim.data import FloatLayer, FloatNetwork

__all__ = ["forward", "layer_outputs", "patches", "pool_windows"]

Real = TypeVar("Real", np.float32, np.float64)


def forward(network: FloatNetwork, images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Run a float network.

    Parameters
    ----------
    network : FloatNetwork
        The network.
    images : ndarray of float64, shape (n, 28, 28) or (n, 28, 28, 1)
        Grey levels divided by 255, in [0, 1].

    Returns
    -------
    ndarray of float64, shape (n, 10)
        The logits.  Their last bits depend on the order in which the machine's BLAS adds.
    """
    return layer_outputs(network.layers, images)[-1]


def layer_outputs(
    layers: tuple[FloatLayer, ...], images: NDArray[np.float64]
) -> list[NDArray[np.float64]]:
    """Run layers one after the other and keep every output.

    Parameters
    ----------
    layers : tuple of FloatLayer
        The layers, first to last.
    images : ndarray of float64, shape (n, 28, 28) or (n, 28, 28, 1)
        Grey levels divided by 255, in [0, 1].

    Returns
    -------
    list of ndarray of float64
        The output of each layer, after its ReLU where it has one; images are NHWC.
    """
    outputs: list[NDArray[np.float64]] = []
    current = np.asarray(images, dtype=np.float64).reshape(-1, 28, 28, 1)
    for layer in layers:
        current = _layer_output(layer, current)
        outputs.append(current)
    return outputs


def patches(
    images: NDArray[Real], kernel: tuple[int, int], stride: int, padding: int
) -> NDArray[Real]:
    """Cut zero-padded images into the windows of a convolution.

    Parameters
    ----------
    images : ndarray, shape (n, height, width, channels)
        The images.
    kernel : tuple of int
        Rows and columns of a window.
    stride, padding : int
        Pixels between windows; rows and columns of zeros added on every side.

    Returns
    -------
    ndarray, shape (n, rows, columns, kernel[0] * kernel[1] * channels)
        One window per output pixel, in the order of a weight reshaped to (-1, c_out).
    """
    border = (padding, padding)
    padded = np.pad(images, ((0, 0), border, border, (0, 0)))
    windows = sliding_window_view(padded, kernel, axis=(1, 2))[:, ::stride, ::stride]
    ordered = windows.transpose(0, 1, 2, 4, 5, 3)
    return ordered.reshape(*ordered.shape[:3], -1)


def pool_windows(images: NDArray[Real], size: int) -> NDArray[Real]:
    """Cut images into the windows of a pooling layer that do not overlap.

    Parameters
    ----------
    images : ndarray, shape (n, height, width, channels)
        The images.
    size : int
        Rows and columns of a window; a remainder on the right and at the bottom is left out.

    Returns
    -------
    ndarray, shape (n, height // size, size, width // size, size, channels)
        A window's pixels lie along axes 2 and 4.
    """
    count, height, width, channels = images.shape
    rows, columns = height // size, width // size
    whole = images[:, : rows * size, : columns * size]
    return whole.reshape(count, rows, size, columns, size, channels)


def _layer_output(layer: FloatLayer, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
    if layer.kind == "flatten":
        return inputs.reshape(len(inputs), -1)
    if layer.kind == "max_pool":
        return np.asarray(pool_windows(inputs, layer.size).max(axis=(2, 4)))
    weight, bias = layer.parameters
    if layer.kind == "conv2d":
        inputs = patches(inputs, (weight.shape[0], weight.shape[1]), layer.stride, layer.padding)
    matrix = weight.reshape(-1, weight.shape[-1]).astype(np.float64)
    sums = inputs @ matrix + bias
    return np.maximum(sums, 0.0) if layer.relu else sums
