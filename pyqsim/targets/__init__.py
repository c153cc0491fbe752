"""Named targets: datapaths of real machines, each with its source and how far it is verified."""

from pyqsim.targets.call import call_data
from pyqsim.targets.distinction import Distinction, Pair, Witness
from pyqsim.targets.distinguish import distinguish
from pyqsim.targets.distinguish_schemes import distinguish_schemes
from pyqsim.targets.identify import Identification, Refutation, identify, identify_schemes
from pyqsim.targets.layer_data import LayerData
from pyqsim.targets.registry import get, names
from pyqsim.targets.scheme_numbers import SchemeNumbers
from pyqsim.targets.target import IntegerRange, Target
from pyqsim.targets.verified import Verification

__all__ = [
    "Distinction",
    "Identification",
    "IntegerRange",
    "LayerData",
    "Pair",
    "Refutation",
    "SchemeNumbers",
    "Target",
    "Verification",
    "Witness",
    "call_data",
    "distinguish",
    "distinguish_schemes",
    "get",
    "identify",
    "identify_schemes",
    "names",
]
