"""Named targets: datapaths of real machines, each with its source and how far it is verified."""

from pyqsim.targets.call import call_data
from pyqsim.targets.distinguish import Distinction, Pair, Witness, distinguish, distinguish_schemes
from pyqsim.targets.identify import Identification, Refutation, identify, identify_schemes
from pyqsim.targets.layer_data import LayerData
from pyqsim.targets.registry import get, names
from pyqsim.targets.scheme_list import SCHEMES
from pyqsim.targets.target import IntegerRange, Target
from pyqsim.targets.verified import Verification

__all__ = [
    "SCHEMES",
    "Distinction",
    "Identification",
    "IntegerRange",
    "LayerData",
    "Pair",
    "Refutation",
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
