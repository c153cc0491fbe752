"""Optional packages that commands need, and how to get them."""

from __future__ import annotations

from importlib.util import find_spec

from pyqsim.errors import PyqsimError

__all__ = ["MissingExtraError", "need"]


class MissingExtraError(PyqsimError, ImportError):
    """An optional package that a command needs is not installed."""


def need(package: str, extra: str, what: str) -> None:
    """Raise `MissingExtraError` unless a package can be imported.

    Parameters
    ----------
    package : str
    extra : str
        The extra of pyqsim that installs it.
    what : str
        What needs it, as a message begins.
    """
    if find_spec(package) is None:
        raise MissingExtraError(f"{what} needs {package}: pip install 'pyqsim[{extra}]'")
