"""Why a number is what it is, and why two machines disagree: explanations, verdicts, proofs."""

from pyqsim.diagnostics.call import Call
from pyqsim.diagnostics.counterfactuals import Counterfactual, counterfactuals
from pyqsim.diagnostics.difference import Difference, diff
from pyqsim.diagnostics.explain import ChainPlace, Explanation, Line, explain
from pyqsim.diagnostics.headroom import Headroom, StepHeadroom, Witness, headroom
from pyqsim.diagnostics.model_matrix import (
    LayerMatrix,
    ModelDifference,
    ModelMatrix,
    compare_models,
)
from pyqsim.diagnostics.network_headroom import LayerHeadroom, network_headroom
from pyqsim.diagnostics.target_matrix import TargetDifference, TargetMatrix, compare_targets
from pyqsim.diagnostics.verdict import Verdict, verdict

__all__ = [
    "Call",
    "ChainPlace",
    "Counterfactual",
    "Difference",
    "Explanation",
    "Headroom",
    "LayerHeadroom",
    "LayerMatrix",
    "Line",
    "ModelDifference",
    "ModelMatrix",
    "StepHeadroom",
    "TargetDifference",
    "TargetMatrix",
    "Verdict",
    "Witness",
    "compare_models",
    "compare_targets",
    "counterfactuals",
    "diff",
    "explain",
    "headroom",
    "network_headroom",
    "verdict",
]
