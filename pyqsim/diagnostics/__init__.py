"""Why two machines disagree: calls as values, changed machines, verdicts."""

from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.counterfactuals import Counterfactual, counterfactuals
from pyqsim.diagnostics.verdict import Verdict, verdict

__all__ = ["Call", "Counterfactual", "Verdict", "counterfactuals", "verdict"]
