"""A program that reads calls as lines of text and answers in lines: an RTL bench, a device."""

from __future__ import annotations

import contextlib
import queue
import shlex
import subprocess
import threading
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from pyqsim.diagnostics import Call
from pyqsim.testing.conformance.kernels import KernelError
from pyqsim.testing.conformance.plain import plain_numbers

__all__ = ["Program", "call_line"]


def call_line(number: int, call: Call, *, radix: int = 10) -> str:
    """A call as one line.

    ``NUMBER m=M n=N k=K a=.. b=.. [a_zero_point=.. b_zero_point=.. bias=.. multiplier=..
    shift=.. scale=.. out_zero_point=..]``: lists are separated by commas, matrices are row-major,
    an empty list is empty. With radix 16 the codes a and b are two's complement words of their
    type's width; all else is decimal. A real scale is written as ``mantissa*2^exponent``.

    Examples
    --------
    >>> import pyqsim as qs
    >>> call = Call(np.array([[1, -2]], np.int8), np.array([[3], [4]], np.int8), qs.Datapath())
    >>> call_line(7, call)
    '7 m=1 n=1 k=2 a=1,-2 b=3,4'
    >>> call_line(7, call, radix=16)
    '7 m=1 n=1 k=2 a=01,fe b=03,04'
    """
    m, n, k = call.sizes
    words = [str(number), f"m={m}", f"n={n}", f"k={k}"]
    for name, values in plain_numbers(call).items():
        if radix == 16 and name in ("a", "b"):
            bits = values.dtype.itemsize * 8
            texts = [f"{int(v) % (1 << bits):0{bits // 4}x}" for v in values.flat]
        elif name == "scale":
            texts = [_scale(float(v), values.dtype.itemsize) for v in values.flat]
        else:
            texts = [str(int(v)) for v in values.flat]
        words.append(f"{name}={','.join(texts)}")
    return " ".join(words)


def _scale(value: float, itemsize: int) -> str:
    mantissa, exponent = np.frexp(value)
    bits = 24 if itemsize == 4 else 53
    return f"{int(mantissa * 2**bits)}*2^{int(exponent) - bits}"


class Program:
    """A command that answers calls.

    It is started once for a series of calls, reads one line a call (see `call_line`) until its
    input ends, and writes one line a call in any order: ``NUMBER y,y,...``, the call's number and
    its outputs, row-major, decimal (with radix 16 two's complement of `out_bits`). Empty lines and
    lines that begin with ``#`` are comments.

    Parameters
    ----------
    command : str
        Split as a shell does; no shell runs it.
    timeout : float
        Seconds without an answer after which it is ended.
    radix : {10, 16}
    out_bits : int, optional
        Width of an output word in radix 16; default: 32 or 64, as the machine's result.
    """

    def __init__(
        self,
        command: str,
        *,
        timeout: float = 60.0,
        radix: int = 10,
        out_bits: int | None = None,
    ) -> None:
        self._words = shlex.split(command)
        if not self._words:
            raise KernelError(f"command={command!r}, allowed: a program and its arguments")
        self.name = command
        self.timeout, self.radix, self.out_bits = timeout, radix, out_bits
        self.per_column = True
        self.zero_points = (True, True)

    def run(self, calls: Sequence[Call]) -> list[npt.NDArray[Any]]:
        """Start it, write all calls, and wait for as many answers."""
        try:
            process = subprocess.Popen(
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise KernelError(f"{self.name}: {error}, allowed: a program that starts") from None
        assert process.stdin is not None
        assert process.stdout is not None
        lines: queue.Queue[str | None] = queue.Queue()
        threads = [
            threading.Thread(target=self._write, args=(process.stdin, calls), daemon=True),
            threading.Thread(target=_read, args=(process.stdout, lines), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            return self._answers(calls, lines, process)
        finally:
            process.kill()
            process.wait()
            for thread in threads:
                thread.join()
            process.stdout.close()
            with contextlib.suppress(OSError):  # what it did not read is of no use now
                process.stdin.close()

    def _write(self, stream: IO[str], calls: Sequence[Call]) -> None:
        """All lines; a program that stops reading is noticed by its missing answers."""
        try:
            for number, call in enumerate(calls):
                stream.write(call_line(number, call, radix=self.radix) + "\n")
                stream.flush()
            stream.close()
        except (OSError, ValueError):
            pass

    def _answers(
        self, calls: Sequence[Call], lines: queue.Queue[str | None], process: Any
    ) -> list[npt.NDArray[Any]]:
        found: dict[int, npt.NDArray[Any]] = {}
        while len(found) < len(calls):
            try:
                line = lines.get(timeout=self.timeout)
            except queue.Empty:
                raise KernelError(
                    f"{self.name}: no answer for {self.timeout:g} s, {len(found)} of "
                    f"{len(calls)} calls answered"
                ) from None
            if line is None:
                status = process.wait()
                raise KernelError(
                    f"{self.name}: ended with status {status} after {len(found)} of "
                    f"{len(calls)} answers"
                )
            if line.strip() and not line.startswith("#"):
                number, values = self._answer(line, calls)
                if number in found:
                    raise KernelError(f"{self.name}: call {number} answered twice")
                found[number] = values
        return [found[number] for number in range(len(calls))]

    def _answer(self, line: str, calls: Sequence[Call]) -> tuple[int, npt.NDArray[Any]]:
        shown = line.strip() if len(line) < 80 else line[:77].strip() + "..."
        head, _, tail = line.strip().partition(" ")
        try:
            number = int(head)
            words = [int(text, self.radix) for text in tail.split(",") if text.strip()]
        except ValueError:
            raise KernelError(f"{self.name}: answered {shown!r}, allowed: NUMBER y,y,...") from None
        if not 0 <= number < len(calls):
            raise KernelError(f"{self.name}: answered call {number}, allowed: 0..{len(calls) - 1}")
        m, n, _ = calls[number].sizes
        if len(words) != m * n:
            raise KernelError(
                f"{self.name}: {len(words)} outputs for call {number}, allowed: {m} x {n}"
            )
        bits = self.out_bits or 8 * calls[number].datapath.result_dtype.itemsize
        low, high = (-(1 << 63), 1 << 63) if self.radix == 10 else (0, 1 << bits)
        if any(not low <= word < high for word in words):
            allowed = "int64" if self.radix == 10 else f"words of {bits} bits"
            raise KernelError(f"{self.name}: answered {shown!r}, allowed: {allowed}")
        if self.radix == 16:
            words = [word - (word >> (bits - 1) << bits) for word in words]
        return number, np.array(words, dtype=np.int64).reshape(m, n)


def _read(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    """Lines into the queue, None at the end."""
    for line in stream:
        lines.put(line)
    lines.put(None)
