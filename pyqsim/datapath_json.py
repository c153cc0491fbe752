"""Datapaths, formats, schemes and their parameters as JSON values, and back."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np

from pyqsim import datapath, formats, modes, parameters, requantize
from pyqsim.datapath import Table
from pyqsim.errors import DatapathError
from pyqsim.modes import Overflow, Rounding

__all__ = ["from_json", "to_json"]

_Json = Any


def _classes() -> dict[str, type]:
    """Every public frozen value that may stand in a file, by its name."""
    found: dict[str, type] = {}
    for module in (datapath, formats, parameters, requantize):
        for name in module.__all__:
            value = getattr(module, name)
            if isinstance(value, type) and dataclasses.is_dataclass(value):
                found[name] = value
    return found


def to_json(value: Any) -> _Json:
    """What the json module takes for a datapath, format, scheme or parameters.

    Parameters
    ----------
    value : object
        A frozen value of this package (a user-made class is refused), or what such a value holds.

    Returns
    -------
    dict, list, str, int, float, bool or None
        A value's dict has its class' name under ``"type"`` and all its fields.

    Raises
    ------
    DatapathError
        For a value that `from_json` could not make again.

    Examples
    --------
    >>> import pyqsim as qs
    >>> to_json(qs.Narrow(shift=3, rounding="half_up"))["rounding"]
    'half_up'
    >>> machine = qs.Datapath(reduce=(qs.Accumulate(20, "saturate"),))
    >>> from_json(to_json(machine)) == machine
    True
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Rounding):
        return _rounding(value)
    if isinstance(value, Overflow):
        name = value.name.lower()
        takes_n = value not in modes.OVERFLOWS
        return {"type": value.name, "n": value.saturated_bits} if takes_n else name
    if isinstance(value, Table):
        return value.values.tolist()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    name = type(value).__name__
    if _classes().get(name) is not type(value):
        raise DatapathError(f"JSON: {value!r}, allowed: {', '.join(sorted(_classes()))}")
    kind = _classes()[name]
    fields = (to_json(getattr(value, field.name)) for field in dataclasses.fields(kind))
    return {"type": name, **dict(zip(inspect.signature(kind).parameters, fields, strict=True))}


def _rounding(rule: Rounding) -> _Json:
    if rule.stochastic:
        return {"type": "STOCHASTIC", "seed": rule.seed, "random_bits": rule.random_bits}
    if rule in modes.ROUNDINGS and rule.name is not None:
        return rule.name.lower()
    return {"type": "Rounding", "table": rule.table}


def from_json(content: _Json) -> Any:
    """Make the value again that `to_json` wrote; checks are those of its class.

    Parameters
    ----------
    content
        As the json module reads it.

    Returns
    -------
    object

    Raises
    ------
    DatapathError
        For a type that does not exist, or fields that it does not have.
    """
    if isinstance(content, list):
        return tuple(from_json(item) for item in content)
    if not isinstance(content, dict):
        return content
    fields = {name: from_json(item) for name, item in content.items()}
    kind = fields.pop("type", None)
    makers: dict[str, Any] = {
        **_classes(),
        "STOCHASTIC": modes.STOCHASTIC,
        "Rounding": Rounding,
        "WRAP_SATURATED_BITS": modes.WRAP_SATURATED_BITS,
        "SIGN_MAGNITUDE_WRAP": modes.SIGN_MAGNITUDE_WRAP,
    }
    if not isinstance(kind, str) or kind not in makers:
        raise DatapathError(f"JSON: type={kind!r}, allowed: {', '.join(sorted(makers))}")
    try:
        return makers[kind](**fields)
    except TypeError as error:
        raise DatapathError(f"JSON: {kind}: {error}, allowed: the fields of {kind}") from None
