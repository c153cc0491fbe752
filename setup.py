"""Build the extension module pyqsim._libpyqsim; all that is not about C stands in pyproject.toml.

The environment may hold:

CC
    The compiler: gcc, clang or a cross compiler of theirs.
CFLAGS, CPPFLAGS
    Used on our C files only as far as they change no value and no instruction set
    (csrc/compile_units.py says which).
PYQSIM_SANITIZE=address,undefined
    Build our C files with gcc's sanitizers. Run Python under ``LD_PRELOAD=$(gcc
    -print-file-name=libasan.so)``; .ci/run does so.
PYQSIM_WERROR=1
    Make warnings in our C files errors. Off by default: a release must also build with a compiler
    that did not exist yet.
"""

import os
import sys
import sysconfig
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext

sys.path.insert(0, str(Path(__file__).resolve().parent / "csrc"))
from compile_units import compile_units, sanitizer_flags

# When gcc links with one of these, the finished library sets flush-to-zero for the whole process.
UNSAFE_MATH = {"-ffast-math", "-Ofast", "-funsafe-math-optimizations", "-mdaz-ftz"}


class BuildExt(build_ext):
    """Let distutils compile what cffi generates, and compile our own C files by our own rules."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.force = True  # file times do not show that a header or the environment has changed

    def build_extensions(self) -> None:
        if self.compiler.compiler_type == "msvc":
            raise SystemExit("pyqsim: the C files need gcc or clang")
        self.compiler.linker_so = [f for f in self.compiler.linker_so if f not in UNSAFE_MATH]
        objects = compile_units(Path(self.build_temp))
        for extension in self.extensions:
            extension.extra_objects += map(str, objects)
            extension.extra_link_args += sanitizer_flags(os.environ)
        super().build_extensions()


# A free-threaded Python has no limited API: there the wheel is for one version (cffi agrees).
limited = {} if sysconfig.get_config_var("Py_GIL_DISABLED") else {"py_limited_api": "cp311"}

setup(
    cffi_modules=["csrc/ffi_build.py:ffibuilder"],
    cmdclass={"build_ext": BuildExt},
    options={"bdist_wheel": limited},
)
