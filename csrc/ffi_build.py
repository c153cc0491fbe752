"""The cffi side of the build: the marked part of pyqsim.h, unchanged, is what Python may call.

setup.py names this file in cffi_modules. Nothing is declared a second time here: a header that the
C files do not agree with fails to compile, a function that they do not define fails to import.
"""

from pathlib import Path

from cffi import FFI

BEGIN = "/* --- cffi: begin --- */"
END = "/* --- cffi: end --- */"
INCLUDE = Path(__file__).resolve().parent / "include"
HEADER = INCLUDE / "pyqsim.h"


def declarations(header: Path = HEADER) -> str:
    """Return what stands between the two marks, each of which is there exactly once."""
    text = header.read_text(encoding="utf-8")
    for mark in (BEGIN, END):
        if text.count(mark) != 1:
            raise ValueError(f"{header}: {mark!r} must occur once, found {text.count(mark)}")
    before, _, after = text.partition(BEGIN)
    if END in before:
        raise ValueError(f"{header}: {END!r} stands before {BEGIN!r}")
    return after.partition(END)[0]


ffibuilder = FFI()
ffibuilder.cdef(declarations())
ffibuilder.set_source("pyqsim._libpyqsim", '#include "pyqsim.h"', include_dirs=[str(INCLUDE)])
