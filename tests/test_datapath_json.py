"""Every datapath, format, scheme and parameter set goes through JSON and comes back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from parity.random_cases import random_case

import pyqsim as qs
from pyqsim.datapath_json import from_json, to_json
from pyqsim.formats.catalogue import CATALOGUE
from pyqsim.modes import OVERFLOWS, ROUNDINGS


def through(value):
    return from_json(json.loads(json.dumps(to_json(value), allow_nan=False)))


def test_random_datapaths():
    """Everything that the parity tests draw: products, tables, orders, stochastic rounding."""
    for seed in range(1500):
        machine = random_case(seed).datapath
        assert through(machine) == machine, repr(machine)


def test_the_order_of_a_convolution():
    machine = qs.Datapath(order=(("c", 64), "kh", "kw", "c"))
    assert through(machine) == machine


@pytest.mark.parametrize("fmt", CATALOGUE, ids=str)
def test_formats(fmt):
    assert through(fmt) == fmt


def test_modes():
    wrap, magnitude = qs.WRAP_SATURATED_BITS(2), qs.SIGN_MAGNITUDE_WRAP(0)
    for rule in (*ROUNDINGS, qs.Rounding(0x1234), qs.STOCHASTIC(7), qs.STOCHASTIC(2**64 - 1, 3)):
        assert through(qs.Narrow(3, rounding=rule)).rounding == rule
    for rule in (r for r in (*OVERFLOWS, wrap, magnitude) if r.name != "SATURATE_HOLD"):
        assert through(qs.Narrow(bits=8, overflow=rule)).overflow == rule


@pytest.mark.parametrize(
    "parameters",
    [
        qs.requantize.Multiplier([2**30, 2**31 - 1], [-3, 4]),
        qs.requantize.Multiplier(2**30, -3),
        qs.requantize.FloatFactor(np.array([0.1, 3e-30], np.float32)),
        qs.requantize.PowerOfTwoFactor([-64, 64]),
    ],
)
def test_parameters(parameters):
    assert repr(through(parameters)) == repr(parameters)


def test_a_class_of_the_user_is_refused():
    class Mine(qs.Scheme):
        pass

    with pytest.raises(qs.errors.DatapathError, match=r"Mine.*allowed: APoT"):
        to_json(qs.Datapath(output=(qs.Requantize(Mine()),)))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"type": "Nothing"}, "type='Nothing', allowed: APoT"),
        ({"bits": 3}, "type=None"),
        ({"type": "Affine", "size": 3}, "Affine.*allowed: the fields"),
        ({"type": "Accumulate", "bits": 65}, "bits=65, allowed: 2..64"),
        ({"type": "Narrow", "rounding": "nearest"}, "rounding='nearest'"),
    ],
)
def test_damaged_files(content, words):
    with pytest.raises(qs.errors.PyqsimError, match=words):
        from_json(content)
