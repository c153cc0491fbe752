"""Named targets: datapaths of real machines, each with its source and how far it is verified."""

from pyqsim.targets.call import call_data
from pyqsim.targets.registry import get, names
from pyqsim.targets.target import IntegerRange, Target
from pyqsim.targets.verified import Verification

__all__ = ["IntegerRange", "Target", "Verification", "call_data", "get", "names"]
