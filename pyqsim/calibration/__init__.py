"""How scales and zero points are found from data, and real numbers become quantized tensors."""

from pyqsim.calibration.quantize import quantize
from pyqsim.calibration.scale import fit_scale

__all__ = ["fit_scale", "quantize"]
