"""Which machine, and what its operands are: options that several commands share."""

from __future__ import annotations

import argparse
import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import pyqsim
from pyqsim import requantize, targets
from pyqsim.cli.options import UsageError
from pyqsim.datapath import Datapath, Multiply
from pyqsim.datapath_json import from_json
from pyqsim.errors import PyqsimError
from pyqsim.formats import Format
from pyqsim.testing.random_data import ANY_DATA, DataRanges
from pyqsim.testing.random_operands import OperandKind, default_kinds

__all__ = ["Machine", "add_machine", "machine"]

_DTYPES = ("int8", "uint8", "int16", "uint16", "int32")
_NODES = (
    ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List,
    ast.UnaryOp, ast.USub, ast.BinOp, ast.Pow, ast.Mult, ast.Add, ast.Sub, ast.LShift,
)  # fmt: skip


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add ``--target``, ``--datapath``, ``--a`` and ``--b``."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--target", metavar="T", help="a named machine (see pyqsim.targets.names())")
    which.add_argument(
        "--datapath",
        metavar="D",
        help="a JSON file, or an expression: \"Datapath(reduce=(Accumulate(20, 'saturate'),))\"",
    )
    words = f'{", ".join(_DTYPES)}, or a format: "LogQuant(3, signed=True)", "Affine(8)"'
    parser.add_argument("--a", metavar="KIND", help=f"activations: {words}")
    parser.add_argument("--b", metavar="KIND", help="weights, likewise")


@dataclass(frozen=True, eq=False)
class Machine:
    """A datapath, what its operands and data are, and the one K that it takes (None: any)."""

    datapath: Datapath
    a: OperandKind
    b: OperandKind
    k: int | None = None
    ranges: DataRanges = ANY_DATA


def machine(options: argparse.Namespace) -> Machine:
    """The machine that the options name."""
    if options.target is None and options.datapath is None:
        raise UsageError("--target or --datapath: missing, allowed: one of them")
    if options.target is not None:
        target = targets.get(options.target)
        a, b = _kind(target.a, options.a, "--a"), _kind(target.b, options.b, "--b")
        bias = target.bias if target.datapath.reads_bias else None
        ranges = DataRanges(bias, target.shifts)
        return Machine(target.datapath, a, b, target.k, ranges)
    datapath = _value("--datapath", options.datapath)
    if not isinstance(datapath, Datapath):
        raise UsageError(f"--datapath {options.datapath}: {datapath!r}, allowed: a Datapath")
    int8 = np.dtype("int8")
    default_a, default_b = (
        (int8, int8) if isinstance(datapath.product, Multiply) else default_kinds(datapath)
    )
    a, b = _kind(default_a, options.a, "--a"), _kind(default_b, options.b, "--b")
    return Machine(datapath, a, b)


def _kind(default: OperandKind, given: str | None, name: str) -> OperandKind:
    """What was asked for, else what the machine takes."""
    if given is None:
        return default
    if given in _DTYPES:
        return np.dtype(given)
    fmt = _value(name, given)
    if not isinstance(fmt, Format):
        raise UsageError(f"{name} {given}, allowed: {', '.join(_DTYPES)}, or a format")
    return fmt


def _value(name: str, text: str) -> Any:
    """What a JSON file or an expression of this package's names stands for."""
    if text.endswith(".json"):
        try:
            return from_json(json.loads(Path(text).read_text()))
        except ValueError as error:
            raise UsageError(f"{name} {text}: {error}") from None
    names = {**vars(pyqsim), **vars(requantize)}
    try:
        tree = ast.parse(text, mode="eval")
        for node in ast.walk(tree):
            if not isinstance(node, _NODES):
                raise UsageError(f"{name}: {type(node).__name__} in {text!r}, allowed: calls")
            if isinstance(node, ast.Name) and node.id not in (*pyqsim.__all__, *requantize.__all__):
                raise UsageError(f"{name}: {node.id!r} in {text!r}, allowed: names of pyqsim")
        return eval(compile(tree, name, "eval"), {"__builtins__": {}}, names)
    except PyqsimError:
        raise
    except (SyntaxError, TypeError, ValueError, ArithmeticError) as error:
        raise UsageError(f"{name} {text!r}: {error}, allowed: an expression") from None
