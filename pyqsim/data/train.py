"""Train the two float networks, ``mlp.npz`` and ``cnn.npz``, with nothing but numpy.

::

    python -m pyqsim.data.train --digits mnist10k.npz

reads the file of 10,000 digits that :mod:`pyqsim.data.make_digits` describes and trains on its
8,000 training digits, shifted, turned, sheared and zoomed anew in every epoch.  With
``--held-out 2000`` it trains on the first 6,000 of them, prints the accuracy on the last 2,000 and
writes nothing: the networks and the numbers below were chosen that way, not on the test digits.

Everything random comes from one seed, so that a second run on the same machine, with as many
threads, gives the same bytes.  Another BLAS may add in another order; its networks then differ, at
first in the last bit, and after many steps visibly.  That is why the weights are kept under
version control.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyqsim.data import FloatLayer, FloatNetwork
from pyqsim.data.float_forward import forward, layer_outputs, patches, pool_windows
from pyqsim.data.make_digits import CALIBRATION_COUNT, Split, read_npz, split

__all__ = ["build", "main", "train"]

SEED = 1
BATCH = 64
EPOCHS = {"mlp": 150, "cnn": 100}
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 0.05
WEIGHT_LIMIT = 3.0  # root mean squares
BETAS = (0.9, 0.999)
EPSILON = 1e-8
SHIFT = 1.5  # pixels
ANGLE = 0.15  # radians
SHEAR = 0.1
ZOOM = 0.1

Array = NDArray[np.float32]


def build(name: str, rng: np.random.Generator) -> tuple[FloatLayer, ...]:
    """Make an untrained network.

    Parameters
    ----------
    name : {"mlp", "cnn"}
        Which one.
    rng : Generator
        Draws the weights.

    Returns
    -------
    tuple of FloatLayer
        Layers whose float32 weights and biases :func:`train` changes in place.
    """
    if name == "mlp":
        return (
            FloatLayer("flatten"),
            _with_weight(rng, FloatLayer("linear", relu=True), (784, 64)),
            _with_weight(rng, FloatLayer("linear", relu=True), (64, 32)),
            _with_weight(rng, FloatLayer("linear"), (32, 10)),
        )
    return (
        _with_weight(rng, FloatLayer("conv2d", stride=2, padding=2, relu=True), (5, 5, 1, 8)),
        FloatLayer("max_pool", size=2),
        _with_weight(rng, FloatLayer("conv2d", padding=1, relu=True), (3, 3, 8, 20)),
        FloatLayer("flatten"),
        _with_weight(rng, FloatLayer("linear"), (980, 10)),
    )


def train(
    layers: tuple[FloatLayer, ...],
    x: NDArray[np.uint8],
    y: NDArray[np.uint8],
    epochs: int,
    rng: np.random.Generator,
) -> Iterator[float]:
    """Train in place with Adam, decoupled weight decay and a learning rate that falls as a cosine.

    After every epoch each weight is clipped to three times the root mean square of its tensor:
    one outlier would cost all the others resolution once the tensor is quantized.

    Parameters
    ----------
    layers : tuple of FloatLayer
        The network, as :func:`build` makes it.
    x : ndarray of uint8, shape (n, 28, 28)
        Grey levels.
    y : ndarray of uint8, shape (n,)
        Labels.
    epochs : int
        Passes over the digits.
    rng : Generator
        Draws the order of the digits and their distortions.

    Yields
    ------
    float
        The mean cross-entropy (nats) of each epoch.
    """
    images = x.astype(np.float32) / np.float32(255.0)
    trained = [layer for layer in layers if layer.weight is not None]
    optimizer = _Adam([array for layer in trained for array in layer.parameters])
    steps = epochs * math.ceil(len(x) / BATCH)
    for _ in range(epochs):
        losses = []
        for batch in _batches(len(x), rng):
            loss, gradients = _gradients(layers, _distorted(images[batch], rng), y[batch])
            phase = math.pi * optimizer.count / steps
            optimizer.step(gradients, 0.5 * LEARNING_RATE * (1.0 + math.cos(phase)))
            losses.append(loss)
        for layer in trained:
            _clip(layer.parameters[0])
        yield sum(losses) / len(losses)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the script; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Train mlp.npz and cnn.npz.")
    parser.add_argument("--digits", type=Path, required=True, help="the .npz of 10,000 digits")
    parser.add_argument("--held-out", type=int, default=0, help="training digits to test on")
    parser.add_argument("--networks", nargs="+", choices=list(EPOCHS), default=list(EPOCHS))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    options = parser.parse_args(arguments)
    parts = split(*read_npz(options.digits))
    for name in options.networks:
        if options.held_out:
            network = _trained(name, _without_tail(parts, options.held_out))
            print(f"{name}: {network.float_accuracy:.2%} on {options.held_out} held-out digits")
        else:
            network = _trained(name, parts)
            print(f"{name}: {network.float_accuracy:.2%} on {len(parts.test_y)} test digits")
            _write(options.output / f"{name}.npz", network)


def _without_tail(parts: Split, count: int) -> Split:
    """Part the training part once more: its last `count` digits take the place of the test part."""
    return Split(
        training_x=parts.training_x[:-count],
        training_y=parts.training_y[:-count],
        test_x=parts.training_x[-count:],
        test_y=parts.training_y[-count:],
    )


def _trained(name: str, parts: Split) -> FloatNetwork:
    rng = np.random.Generator(np.random.PCG64(SEED))
    layers = build(name, rng)
    losses = train(layers, parts.training_x, parts.training_y, EPOCHS[name], rng)
    for epoch, loss in enumerate(losses, start=1):
        print(f"{name} epoch {epoch:3d}: loss {loss:.4f}", flush=True)
    layers = _with_ranges(layers, parts.training_x[:CALIBRATION_COUNT] / 255.0)
    network = FloatNetwork(name, layers, math.nan)
    right = forward(network, parts.test_x / 255.0).argmax(axis=1) == parts.test_y
    return replace(network, float_accuracy=float(right.mean()))


def _with_ranges(
    layers: tuple[FloatLayer, ...], images: NDArray[np.float64]
) -> tuple[FloatLayer, ...]:
    """Fill in the extremes of the layers' outputs for these images."""
    return tuple(
        layer
        if layer.weight is None
        else replace(layer, output_min=float(output.min()), output_max=float(output.max()))
        for layer, output in zip(layers, layer_outputs(layers, images), strict=True)
    )


def _write(path: Path, network: FloatNetwork) -> None:
    arrays: dict[str, Any] = {"float_accuracy": network.float_accuracy}
    for index, layer in enumerate(network.layers):
        arrays |= {f"{key}_{index}": value for key, value in _fields(layer).items()}
    np.savez_compressed(path, **arrays)
    print(f"{path.name}: {path.stat().st_size} bytes")


def _fields(layer: FloatLayer) -> dict[str, Any]:
    """Return what the file holds of a layer: the fields that its kind uses."""
    fields: dict[str, Any] = {"kind": layer.kind}
    if layer.kind == "max_pool":
        fields["size"] = layer.size
    if layer.kind == "conv2d":
        fields |= {"stride": layer.stride, "padding": layer.padding}
    if layer.weight is not None:
        fields |= {
            "weight": layer.weight,
            "bias": layer.bias,
            "relu": layer.relu,
            "output_min": np.float32(layer.output_min),
            "output_max": np.float32(layer.output_max),
        }
    return fields


def _with_weight(rng: np.random.Generator, layer: FloatLayer, shape: tuple[int, ...]) -> FloatLayer:
    """Give the layer normal weights of variance 2 / inputs, and biases of zero."""
    deviation = math.sqrt(2.0 / math.prod(shape[:-1]))
    weight = (deviation * rng.standard_normal(shape)).astype(np.float32)
    return replace(layer, weight=weight, bias=np.zeros(shape[-1], dtype=np.float32))


def _clip(weight: Array) -> None:
    limit = WEIGHT_LIMIT * math.sqrt(np.mean(weight * weight))
    np.clip(weight, -limit, limit, out=weight)


def _batches(count: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    order = rng.permutation(count)
    return (order[start : start + BATCH] for start in range(0, count, BATCH))


def _distorted(images: Array, rng: np.random.Generator) -> Array:
    """Shift, turn, shear and zoom each image at random; the result is (n, 28, 28, 1)."""
    count = len(images)
    angle = rng.uniform(-ANGLE, ANGLE, count)
    shear = rng.uniform(-SHEAR, SHEAR, count)
    zoom = rng.uniform(1.0 - ZOOM, 1.0 + ZOOM, (2, count))
    shift = rng.uniform(-SHIFT, SHIFT, (2, count, 1))
    cosine, sine = np.cos(angle), np.sin(angle)
    row, column = (axis.reshape(1, -1) for axis in np.mgrid[-13.5:14.0, -13.5:14.0])
    source = (
        (zoom[0] * cosine)[:, None] * row + (zoom[0] * sine)[:, None] * column + shift[0],
        (zoom[1] * (shear * cosine - sine))[:, None] * row
        + (zoom[1] * (shear * sine + cosine))[:, None] * column
        + shift[1],
    )
    return _interpolated(images, source[0] + 13.5, source[1] + 13.5).reshape(count, 28, 28, 1)


def _interpolated(images: Array, row: NDArray[np.float64], column: NDArray[np.float64]) -> Array:
    """Interpolate bilinearly at places of shape (n, 784); there is paper outside the image."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1))).reshape(len(images), 900)
    row, column = (np.clip(axis + 1.0, 0.0, 28.999) for axis in (row, column))
    top, left = row.astype(np.intp), column.astype(np.intp)
    down, right = (row - top).astype(np.float32), (column - left).astype(np.float32)
    corner = 30 * top + left
    pixel = [np.take_along_axis(padded, corner + offset, axis=1) for offset in (0, 1, 30, 31)]
    upper = pixel[0] + right * (pixel[1] - pixel[0])
    lower = pixel[2] + right * (pixel[3] - pixel[2])
    return upper + down * (lower - upper)


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """A layer's forward pass, with what its backward pass needs."""

    layer: FloatLayer
    inputs: Array
    rows: Array  # what the weight is multiplied with; the inputs for a layer without one
    output: Array


def _step(layer: FloatLayer, inputs: Array) -> _Step:
    if layer.kind == "flatten":
        return _Step(layer, inputs, inputs, inputs.reshape(len(inputs), -1))
    if layer.kind == "max_pool":
        pooled = pool_windows(inputs, layer.size).max(axis=(2, 4))
        return _Step(layer, inputs, inputs, np.asarray(pooled))
    weight, bias = layer.parameters
    rows = inputs
    if layer.kind == "conv2d":
        rows = patches(inputs, (weight.shape[0], weight.shape[1]), layer.stride, layer.padding)
    sums = rows @ weight.reshape(-1, weight.shape[-1]) + bias
    return _Step(layer, inputs, rows, np.maximum(sums, 0.0) if layer.relu else sums)


def _gradients(
    layers: tuple[FloatLayer, ...], images: Array, labels: NDArray[np.uint8]
) -> tuple[float, list[Array]]:
    """Return the mean cross-entropy and its gradients for every weight and bias, in order."""
    steps: list[_Step] = []
    for layer in layers:
        steps.append(_step(layer, steps[-1].output if steps else images))
    loss, slope = _cross_entropy(steps[-1].output, labels)
    gradients: list[Array] = []
    for step in reversed(steps):
        if step.layer.weight is not None:
            if step.layer.relu:
                slope = slope * (step.output > 0.0)
            gradients = [*_parameter_gradients(step, slope), *gradients]
        if step is not steps[0]:
            slope = _input_gradient(step, slope)
    return loss, gradients


def _cross_entropy(logits: Array, labels: NDArray[np.uint8]) -> tuple[float, Array]:
    """Return the mean cross-entropy in nats and its gradient for the logits."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    each = np.arange(len(labels))
    loss = -np.log(probabilities[each, labels] + np.float32(1e-30)).mean()
    probabilities[each, labels] -= 1.0
    return float(loss), probabilities / np.float32(len(labels))


def _parameter_gradients(step: _Step, slope: Array) -> tuple[Array, Array]:
    weight, _ = step.layer.parameters
    flat = slope.reshape(-1, weight.shape[-1])
    rows = step.rows.reshape(-1, step.rows.shape[-1])
    return (rows.T @ flat).reshape(weight.shape), flat.sum(axis=0)


def _input_gradient(step: _Step, slope: Array) -> Array:
    layer = step.layer
    if layer.kind == "flatten":
        return slope.reshape(step.inputs.shape)
    if layer.kind == "max_pool":
        windows = pool_windows(step.inputs, layer.size)
        largest = windows == step.output[:, :, None, :, None, :]
        share = slope / largest.sum(axis=(2, 4), dtype=np.float32)  # blank paper makes ties
        spread: Array = largest * share[:, :, None, :, None, :]
        return spread.reshape(step.inputs.shape)
    weight, _ = layer.parameters
    by_row = slope @ weight.reshape(-1, weight.shape[-1]).T
    return by_row if layer.kind == "linear" else _patches_added(step, by_row)


def _patches_added(step: _Step, by_patch: Array) -> Array:
    """Add the gradients of all windows up, each at its place in the image."""
    weight, _ = step.layer.parameters
    count, height, width, channels = step.inputs.shape
    padding, stride = step.layer.padding, step.layer.stride
    total = np.zeros((count, height + 2 * padding, width + 2 * padding, channels), dtype=np.float32)
    _, rows, columns, _ = by_patch.shape
    windows = by_patch.reshape(count, rows, columns, *weight.shape[:3])
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            place = total[:, i : i + stride * rows : stride, j : j + stride * columns : stride]
            place += windows[:, :, :, i, j]
    inner: Array = total[:, padding : padding + height, padding : padding + width]
    return inner


@dataclass(slots=True, eq=False)
class _Adam:
    """Adam with decoupled weight decay; biases do not decay."""

    parameters: list[Array]
    count: int = 0
    means: list[Array] = field(init=False)
    squares: list[Array] = field(init=False)

    def __post_init__(self) -> None:
        self.means = [np.zeros_like(parameter) for parameter in self.parameters]
        self.squares = [np.zeros_like(parameter) for parameter in self.parameters]

    def step(self, gradients: list[Array], rate: float) -> None:
        """Change every parameter in place."""
        self.count += 1
        for index, (parameter, gradient) in enumerate(zip(self.parameters, gradients, strict=True)):
            mean = _moved(self.means[index], gradient, BETAS[0]) / (1.0 - BETAS[0] ** self.count)
            square = _moved(self.squares[index], gradient * gradient, BETAS[1])
            square = square / (1.0 - BETAS[1] ** self.count)
            decay = WEIGHT_DECAY if parameter.ndim > 1 else 0.0
            change = mean / (np.sqrt(square) + EPSILON) + decay * parameter
            np.subtract(parameter, rate * change, out=parameter)


def _moved(average: Array, value: Array, beta: float) -> Array:
    """Move a running average towards a value, in place."""
    average += (1.0 - beta) * (value - average)
    return average


if __name__ == "__main__":
    main()
