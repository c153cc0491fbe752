"""Hypothesis strategies for integer hardware: corners on purpose, small counterexamples.

Needs Hypothesis (``pip install 'pyqsim[testing]'``); nothing else in the package imports it.
"""

from pyqsim.testing.strategies.layers import layers
from pyqsim.testing.strategies.values import (
    code_tensors,
    datapaths,
    formats,
    multipliers_and_shifts,
    quantization_parameters,
    requantize_parameters,
)

__all__ = [
    "code_tensors",
    "datapaths",
    "formats",
    "layers",
    "multipliers_and_shifts",
    "quantization_parameters",
    "requantize_parameters",
]
