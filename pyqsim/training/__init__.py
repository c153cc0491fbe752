"""Training-side functions: what quantization-aware training computes, with its gradients.

Every class is a frozen value with ``forward(x)`` and ``backward(x, upstream)``; the latter returns
`Gradients`: ``dx`` and one ``d<parameter>`` for each learnable parameter. All in float64, without
a framework. Parameters broadcast to the input; their gradients are summed to their shape.
"""

from pyqsim.training.dsq import DSQ, AffineDeployment, DSQGradients
from pyqsim.training.gradients import Gradients
from pyqsim.training.incremental import (
    INQ_OFFICIAL_PORTIONS,
    INQ_PYTORCH_PORTIONS,
    IncrementalQuantization,
    IncrementalStep,
    freeze_largest,
)
from pyqsim.training.philox import draw_bits, philox4x32_10
from pyqsim.training.reparameterized_clipping import (
    ReparameterizedClipping,
    ReparameterizedClippingGradients,
)
from pyqsim.training.soft_thresholds import SoftThresholds, SoftThresholdsGradients
from pyqsim.training.stochastic_rounding import StochasticAffine, StochasticPowerOfTwo
from pyqsim.training.straight_through import FakeQuantize, FakeQuantizeGradients

__all__ = [
    "DSQ",
    "INQ_OFFICIAL_PORTIONS",
    "INQ_PYTORCH_PORTIONS",
    "AffineDeployment",
    "DSQGradients",
    "FakeQuantize",
    "FakeQuantizeGradients",
    "Gradients",
    "IncrementalQuantization",
    "IncrementalStep",
    "ReparameterizedClipping",
    "ReparameterizedClippingGradients",
    "SoftThresholds",
    "SoftThresholdsGradients",
    "StochasticAffine",
    "StochasticPowerOfTwo",
    "draw_bits",
    "freeze_largest",
    "philox4x32_10",
]
