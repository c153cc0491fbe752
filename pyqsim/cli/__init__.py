"""The command line: ``pyqsim COMMAND``, one command a file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pyqsim import __version__
from pyqsim.cli import (
    accuracy,
    bench,
    compare,
    conform,
    demo,
    formats,
    info,
    prove,
    targets,
    vectors,
)
from pyqsim.errors import PyqsimError

__all__ = ["main"]

_COMMANDS = {
    "demo": demo,
    "formats": formats,
    "compare": compare,
    "accuracy": accuracy,
    "prove": prove,
    "targets": targets,
    "conform": conform,
    "vectors": vectors,
    "bench": bench,
    "info": info,
}

_DESCRIPTION = "Bit-exact integer inference, with every rounding and overflow accounted for."
_EXAMPLES = """\
examples:
  pyqsim demo                      two networks, five weight formats, six datapaths: what survives?
  pyqsim demo --quick              a shorter one, in seconds
  pyqsim demo --json report.json   everything it found, for programs
  pyqsim formats                   the number formats, and how wide their sums get
  pyqsim formats APoT --bits 4     one format and its levels; --plot FILE draws them
  pyqsim compare --bits 3           which format holds weights best; or compare FILE.npy
  pyqsim accuracy                  digits right per weight format and width
  pyqsim prove FILE.npy --bits 20  can a 20-bit accumulator overflow? proof, or input
  pyqsim targets NAME              named machines, or one of them; --identify FILE.npz
  pyqsim conform --target T --python M:F   is this kernel bit exact? if not, where and why
  pyqsim vectors FOLDER --target T  operands and outputs for a hardware bench
  pyqsim bench                     how fast typical datapaths run here
  pyqsim info                      what is installed here
  pyqsim COMMAND --help            the options of a command

exit status: 0 all is well, 1 a check found a difference, 2 the call cannot be carried out
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default: those of the process.

    Returns
    -------
    int
        Exit status: 0, 1 where a check found a difference, 2 where the call cannot be carried out,
        130 where the user stopped it, 141 where nobody reads the output any more.

    Raises
    ------
    SystemExit
        By ``--help``, ``--version`` and arguments that do not exist, as argparse has it.
    """
    options = _parser().parse_args(argv)
    try:
        status: int = _COMMANDS[options.command].run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who reads the output, `head` say, has seen enough; nothing can be flushed at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (PyqsimError, OSError) as error:
        print(f"pyqsim: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pyqsim",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pyqsim {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module in _COMMANDS.items():
        module.add_arguments(
            commands.add_parser(
                name,
                help=module.SUMMARY,
                description=module.DESCRIPTION,
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
        )
    return parser
