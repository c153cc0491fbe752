"""For those who test integer hardware: oracle, strategies, conformance runs, test vectors.

``strategies`` needs Hypothesis (``pip install 'pyqsim[testing]'``) and is imported on request.
"""

from pyqsim.testing import conformance, oracle, vectors
from pyqsim.testing.bit_exact import assert_bit_exact

__all__ = ["assert_bit_exact", "conformance", "oracle", "vectors"]
