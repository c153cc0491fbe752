"""What a test of integer hardware needs: an independent oracle in plain Python integers."""

from pyqsim.testing import oracle

__all__ = ["oracle"]
