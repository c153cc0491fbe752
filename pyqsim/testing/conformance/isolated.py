"""A kernel in a process of its own: what crashes or hangs there does not do so here."""

from __future__ import annotations

import faulthandler
import multiprocessing
import signal
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy.typing as npt

from pyqsim.diagnostics import Call
from pyqsim.testing.conformance.kernels import Kernel, KernelError

__all__ = ["Isolated"]


class Isolated:
    """A kernel that runs every series of calls in a fork of this process.

    Parameters
    ----------
    kernel : Kernel
    timeout : float
        Seconds that one call may take.
    """

    def __init__(self, kernel: Kernel, *, timeout: float = 60.0) -> None:
        self._kernel, self.timeout = kernel, timeout
        self.name = kernel.name
        self.per_column, self.zero_points = kernel.per_column, kernel.zero_points

    def run(self, calls: Sequence[Call]) -> list[npt.NDArray[Any]]:
        """One output after another from the child, or why there is none."""
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_serve, args=(self._kernel, calls, sender), daemon=True)
        child.start()
        sender.close()
        try:
            return [self._receive(receiver, child, number) for number in range(len(calls))]
        finally:
            child.kill()
            child.join()
            receiver.close()

    def _receive(self, receiver: Connection, child: Any, number: int) -> npt.NDArray[Any]:
        if not receiver.poll(self.timeout):
            raise KernelError(f"{self.name}: no answer to call {number} for {self.timeout:g} s")
        try:
            answer = receiver.recv()
        except EOFError:
            child.join()
            status = child.exitcode
            died = signal.Signals(-status).name if status < 0 else f"status {status}"
            raise KernelError(f"{self.name}: ended by {died} in call {number}") from None
        if isinstance(answer, KernelError):
            raise answer
        output: npt.NDArray[Any] = answer
        return output


def _serve(kernel: Kernel, calls: Sequence[Call], sender: Connection) -> None:
    faulthandler.disable()  # the parent reports; the child's Python stack is of no use
    try:
        for call in calls:
            (output,) = kernel.run([call])
            sender.send(output)
    except KernelError as error:
        sender.send(error)
