"""Quantized networks: layers as values, how a float network becomes one, and how one runs."""

from pyqsim.model.layers import Conv2d, Flatten, Layer, Linear, MaxPool2d
from pyqsim.model.machines import MACHINES, Machine
from pyqsim.model.mixed_precision import Budget, MixedPrecision, search_bits
from pyqsim.model.network import LayerRun, Network, Result, run
from pyqsim.model.quantize_network import quantize_network

__all__ = [
    "MACHINES",
    "Budget",
    "Conv2d",
    "Flatten",
    "Layer",
    "LayerRun",
    "Linear",
    "Machine",
    "MaxPool2d",
    "MixedPrecision",
    "Network",
    "Result",
    "quantize_network",
    "run",
    "search_bits",
]
