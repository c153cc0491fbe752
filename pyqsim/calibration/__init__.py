"""How scales and zero points are found from data, and real numbers become quantized tensors."""

from pyqsim.calibration.calibrator import Calibrator
from pyqsim.calibration.quantize import quantize
from pyqsim.calibration.scale import fit_scale

__all__ = ["Calibrator", "fit_scale", "quantize"]
