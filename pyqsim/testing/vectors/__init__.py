"""Test vectors for hardware benches, with the description they are verified and remade from."""

from pyqsim.testing.vectors.files import FORMATS, VectorFileError, read, verify, write
from pyqsim.testing.vectors.make import Recipe, Vectors, calls_of, make

__all__ = [
    "FORMATS",
    "Recipe",
    "VectorFileError",
    "Vectors",
    "calls_of",
    "make",
    "read",
    "verify",
    "write",
]
