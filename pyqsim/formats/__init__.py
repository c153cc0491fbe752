"""What a code means: frozen formats, each a map from codes to exact integers."""

from pyqsim.formats.affine import Affine
from pyqsim.formats.apot import APoT
from pyqsim.formats.base import Format
from pyqsim.formats.log_quant import LogQuant
from pyqsim.formats.planes import Planes
from pyqsim.formats.power_of_two import PowerOfTwo

__all__ = ["APoT", "Affine", "Format", "LogQuant", "Planes", "PowerOfTwo"]
