"""Compile pyqsim's own C files, each with the flags that its name asks for and with no others.

A file ``csrc/fast/<what>_<isa>.c`` gets the flags of its ISA; every other file is portable. A
compiler that refuses those flags (another architecture, or too old) compiles the file without them:
it then holds NULL instead of a kernel.

What a unit computes, and on which CPUs it runs, must not depend on who builds it. So Python's own
CFLAGS (-fwrapv) are not used, and of the environment's CFLAGS and CPPFLAGS only HARMLESS ones are:
debug information, optimization level, sanitizers, coverage, hardening, macros, include paths,
sysroot. A ``-march=native`` or ``-ffast-math`` is dropped. CC is taken as it is.

As a program, ``python csrc/compile_units.py DIRECTORY`` compiles to ``DIRECTORY/portable/`` and
``DIRECTORY/<isa>/`` and prints the objects: for cross compilers, and to look at what was built.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CSRC = Path(__file__).resolve().parent

LANGUAGE = ("-std=c11", "-ffp-contract=off", "-fno-math-errno")
CODE = ("-O3", "-fPIC", "-fvisibility=hidden")
WARNINGS = (
    *("-Wall", "-Wextra", "-Wpedantic"),
    *("-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Wvla"),
)

# The flags of an ISA are exactly the CPU features that the dispatcher must see before it calls.
SKYLAKE_X = ("-mavx512f", "-mavx512bw", "-mavx512cd", "-mavx512dq", "-mavx512vl")
ISA_FLAGS = {
    "avx2": ("-mavx2",),
    "avxvnni": ("-mavx2", "-mavxvnni"),
    "avx512bw": SKYLAKE_X,
    "avx512vnni": (*SKYLAKE_X, "-mavx512vnni"),
    "avx512vbmi": (*SKYLAKE_X, "-mavx512vnni", "-mavx512vbmi"),
    "avx512vpopcntdq": (
        *SKYLAKE_X,
        *("-mavx512vnni", "-mavx512vbmi", "-mavx512vpopcntdq"),
    ),
    "neon": (),  # every aarch64 has it
    "dotprod": ("-march=armv8.2-a+dotprod",),
    "i8mm": ("-march=armv8.2-a+dotprod+i8mm",),
}

HARMLESS = re.compile(
    r"-g.*|-O[0-3gs]?|-f(no-)?sanitize.*|-f(no-)?omit-frame-pointer|--coverage"
    r"|-f(no-)?stack-protector.*|-f(debug|file|macro)-prefix-map=.*"
    r"|-[DUI].+|-isystem.+|--sysroot=.+"
)
HARMLESS_WITH_VALUE = {"-D", "-U", "-I", "-isystem", "--sysroot", "-isysroot", "-arch"}


def compile_units(directory: Path, environment: Mapping[str, str] = os.environ) -> list[Path]:
    """Compile every unit into ``directory`` and return the object files."""
    compiler = shlex.split(environment.get("CC") or sysconfig.get_config_var("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        raise SystemExit(f"pyqsim needs gcc or clang; CC={compiler[0]} is not there")
    includes = [f"-I{CSRC / 'include'}", f"-I{CSRC}"]
    strict = ["-Werror"] if environment.get("PYQSIM_WERROR") else []
    common = [*LANGUAGE, *CODE, *WARNINGS, *strict, *includes]
    common += [*harmless_flags(environment), *sanitizer_flags(environment)]

    def compile_unit(source: Path) -> Path:
        isa = isa_of(source)
        flags = ISA_FLAGS.get(isa, ())
        target = directory / isa / source.relative_to(CSRC).with_suffix(".o")
        target.parent.mkdir(parents=True, exist_ok=True)
        if flags and not accepts(compiler, flags):
            print(f"{source.name}: compiled without {' '.join(flags)}", file=sys.stderr)
            flags = ()
        command = [*compiler, *common, *flags, "-c", str(source), "-o", str(target)]
        if subprocess.run(command, check=False).returncode != 0:
            raise SystemExit(f"pyqsim: {source.name} does not compile: {shlex.join(command)}")
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_unit, units()))


def units() -> list[Path]:
    """Return our C files in an order that does not depend on the file system."""
    folders = (CSRC, CSRC / "reference", CSRC / "plan", CSRC / "fast")
    return [source for folder in folders for source in sorted(folder.glob("*.c"))]


def isa_of(source: Path) -> str:
    """Return the ISA that the file's last ``_word`` names, or "portable"."""
    word = source.stem.rpartition("_")[2]
    return word if source.parent == CSRC / "fast" and word in ISA_FLAGS else "portable"


def accepts(compiler: list[str], flags: tuple[str, ...]) -> bool:
    """Ask the compiler itself: it knows its target and its age, and may be a cross one."""
    # -Werror: clang only warns of another architecture's flag.
    probe = [*compiler, "-Werror", *flags, "-fsyntax-only", "-x", "c", os.devnull]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def harmless_flags(environment: Mapping[str, str]) -> list[str]:
    """Return those of CFLAGS and CPPFLAGS that change neither values nor instruction sets."""
    words = iter(shlex.split(f"{environment.get('CFLAGS', '')} {environment.get('CPPFLAGS', '')}"))
    kept = []
    for word in words:
        if word in HARMLESS_WITH_VALUE:
            kept += [word, next(words, "")]
        elif HARMLESS.fullmatch(word):
            kept.append(word)
    return kept


def sanitizer_flags(environment: Mapping[str, str]) -> list[str]:
    """Return the flags of PYQSIM_SANITIZE, for example ``address,undefined``."""
    names = environment.get("PYQSIM_SANITIZE")
    if not names:
        return []
    return f"-fsanitize={names} -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1".split()


if __name__ == "__main__":
    print(*compile_units(Path(sys.argv[1])), sep="\n")
