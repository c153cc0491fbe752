"""The marked part of pyqsim.h is what cffi got: the built library offers each of its names."""

import re
from pathlib import Path

import pytest
from pyqsim._libpyqsim import ffi, lib

HEADER = Path(__file__).parents[2] / "csrc" / "include" / "pyqsim.h"
BEGIN = "/* --- cffi: begin --- */"
END = "/* --- cffi: end --- */"
STALE = "the built library is older than the header: build again (pip install -e .)"


def marked_part():
    """Return the declarations without their comments."""
    text = HEADER.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)


def functions():
    outside_braces = re.sub(r"\{[^{}]*\}", "", marked_part())
    return re.findall(r"\b(pqs_\w+)\s*\([^()]*\)\s*;", outside_braces)


def constants():
    bodies = re.findall(r"\benum\b[^{};]*\{([^{}]*)\}", marked_part())
    return [name for body in bodies for name in re.findall(r"\b(PQS_\w+)\s*(?:[=,]|$)", body)]


def types():
    return re.findall(r"\}\s*(pqs_\w+)\s*;", marked_part())


@pytest.mark.parametrize("mark", [BEGIN, END])
def test_mark_occurs_once(mark):
    assert HEADER.read_text(encoding="utf-8").count(mark) == 1


def test_marked_part_is_plain_c():
    conditionals = re.findall(r"^\s*#\s*(?!define\b)\w+", marked_part(), flags=re.MULTILINE)
    assert conditionals == [], "cffi reads no preprocessor lines except #define"


def test_something_is_declared():
    assert functions()
    assert constants()


@pytest.mark.parametrize("name", functions())
def test_function_is_in_the_library(name):
    assert callable(getattr(lib, name, None)), STALE


@pytest.mark.parametrize("name", constants())
def test_constant_is_in_the_library(name):
    assert isinstance(getattr(lib, name, None), int), STALE


@pytest.mark.parametrize("name", types())
def test_type_is_known_to_cffi(name):
    assert ffi.typeof(name).kind in {"struct", "enum", "union"}, STALE


def test_library_has_nothing_else():
    declared = {*functions(), *constants(), *re.findall(r"#\s*define\s+(\w+)", marked_part())}
    assert set(dir(lib)) <= declared, STALE
