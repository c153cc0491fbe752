"""What a code means: frozen formats, each a map from codes to exact integers."""

from pyqsim.formats.affine import Affine
from pyqsim.formats.apot import APoT
from pyqsim.formats.base import Format
from pyqsim.formats.binary import Binary
from pyqsim.formats.bit_planes import BitPlanes
from pyqsim.formats.codebook import Codebook
from pyqsim.formats.log_quant import LogQuant
from pyqsim.formats.piecewise_linear import PiecewiseLinear
from pyqsim.formats.planes import Planes
from pyqsim.formats.power_of_two import PowerOfTwo
from pyqsim.formats.ternary import Ternary

__all__ = [
    "APoT",
    "Affine",
    "Binary",
    "BitPlanes",
    "Codebook",
    "Format",
    "LogQuant",
    "PiecewiseLinear",
    "Planes",
    "PowerOfTwo",
    "Ternary",
]
