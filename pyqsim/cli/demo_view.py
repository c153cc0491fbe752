"""How the demo shows itself: a progress bar on a terminal, lines elsewhere, then the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pyqsim.cli.cells import CellReport, NetworkReport

__all__ = ["DemoView"]

_PLAIN_WIDTH = 132  # columns where no terminal says how many it has
_UNLIMITED = 1000  # columns that no table needs
_GOOD, _FAIR = 1.0, 5.0  # percentage points of accuracy lost
_LEGEND = """\
first overflow: in the first layer that overflows; m counts the digits (of a convolution: digits x
rows x columns), n the output channels, k the terms. (4 bits): every term loses its 4 lowest bits.
Accuracies and overflows are the same on every run, thread count and machine."""

Report = NetworkReport | CellReport


class DemoView:
    """Shows the reports of one demo on standard output.

    Parameters
    ----------
    digits : int
        How many test digits every cell runs.
    """

    def __init__(self, digits: int) -> None:
        self._digits = digits
        console = Console(highlight=False)
        plain = Console(highlight=False, width=_PLAIN_WIDTH)
        self._console = console if console.is_terminal else plain

    @contextmanager
    def progress(self, cells: int) -> Iterator[Callable[[Report], None]]:
        """Give a function to call with every report as it comes in."""
        if not self._console.is_terminal:
            yield self._print_line
            return
        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
        )
        with Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task("pyqsim demo", total=cells)

            def show(report: Report) -> None:
                done = isinstance(report, CellReport)
                bar.update(task, advance=int(done), description=_title(report))

            yield show

    def _print_line(self, report: Report) -> None:
        accuracy = report.accuracy if isinstance(report, CellReport) else report.float_accuracy
        line = f"{_title(report)}: {accuracy:.2%}"
        if isinstance(report, CellReport):
            line += f", {report.overflows:,} overflows, {report.seconds:.2f} s"
        print(line, flush=True)

    def tables(self, reports: Sequence[Report], seconds: float, machine: str) -> None:
        """Print a table a network, what the oracle found, and the time.

        Parameters
        ----------
        reports : sequence of NetworkReport and CellReport
        seconds : float
            From start to end.
        machine : str
            What the times were measured on.
        """
        cells = [report for report in reports if isinstance(report, CellReport)]
        for network in reports:
            if isinstance(network, NetworkReport):
                self._console.print()
                own = [cell for cell in cells if cell.network == network.name]
                self._console.print(self._fitting_table(network, own))
        self._console.print(_LEGEND, style="dim")
        self._oracle_lines(cells)
        self._console.print(
            f"{len(cells)} cells of {self._digits:,} digits in {seconds:.1f} s, "
            f"{sum(cell.seconds for cell in cells):.1f} s of them in the kernels, on {machine}."
        )

    def _fitting_table(self, network: NetworkReport, cells: Sequence[CellReport]) -> Table:
        """The table with as many columns as the terminal is wide enough for."""
        unlimited = self._console.options.update(max_width=_UNLIMITED)
        for rank in range(max(column.rank for column in _COLUMNS), -1, -1):
            columns = [column for column in _COLUMNS if column.rank <= rank]
            table = _table(network, cells, columns)
            if Measurement.get(self._console, unlimited, table).maximum <= self._console.width:
                break
        return table

    def _oracle_lines(self, cells: Sequence[CellReport]) -> None:
        outputs = sum(cell.oracle.outputs for cell in cells)
        found = [(cell, wrong) for cell in cells for wrong in cell.oracle.differences]
        self._console.print(
            f"oracle: {outputs:,} outputs recomputed in Python integers, {len(found)} differences",
            style="bold red" if found else "green",
        )
        for cell, wrong in found:
            self._console.print(f"  {_title(cell)}: {wrong}", style="red", markup=False)


@dataclass(frozen=True, slots=True)
class _Column:
    """One of the table's columns.

    Attributes
    ----------
    header : str
    text : callable
        A cell's entry.
    rank : int
        Columns of a high rank are the first to go where the terminal is too narrow; 0 stays.
    style : callable, optional
        The colour of the entry.
    justify : {"left", "right"}
    """

    header: str
    text: Callable[[CellReport], str]
    rank: int = 0
    style: Callable[[CellReport], str] = lambda _: ""
    justify: Literal["left", "right"] = "right"


def _table(
    network: NetworkReport, cells: Sequence[CellReport], columns: Sequence[_Column]
) -> Table:
    table = Table(
        title=f"{network.name}: {', '.join(network.layers)}",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("weights", no_wrap=True)
    for column in columns:
        table.add_column(column.header, justify=column.justify, no_wrap=True)
    accuracy = f"{100 * network.float_accuracy:.2f}"
    table.add_row("float64", "", accuracy, end_section=True)
    for name, group in groupby(cells, key=lambda cell: cell.format):
        *others, last = group
        for number, cell in enumerate((*others, last)):
            entries = [Text(column.text(cell), column.style(cell)) for column in columns]
            table.add_row("" if number else name, *entries, end_section=cell is last)
    return table


def _title(report: Report) -> str:
    if isinstance(report, NetworkReport):
        return f"{report.name}, float64"
    return f"{report.network}, {report.format}, {_machine(report)}"


def _machine(cell: CellReport) -> str:
    return f"{cell.machine} ({cell.dropped_bits} bits)" if cell.dropped_bits else cell.machine


def _verdict(cell: CellReport) -> str:
    return "green" if cell.drop <= _GOOD else "yellow" if cell.drop <= _FAIR else "red"


def _quiet_zero(cell: CellReport) -> str:
    return "" if cell.overflows else "dim"


def _sqnr(cell: CellReport) -> str:
    return "exact" if cell.sqnr_db is None else f"{cell.sqnr_db:.1f}"


def _share(cell: CellReport) -> str:
    return f"{100 * cell.overflows / cell.additions:.3f}" if cell.overflows else ""


def _first(cell: CellReport) -> str:
    first = cell.first_overflow
    return f"{first.layer} {first.m} {first.n} {first.k}" if first else ""


_COLUMNS = (
    _Column("datapath", _machine, justify="left"),
    _Column("accuracy\n%", lambda cell: f"{100 * cell.accuracy:.2f}", style=_verdict),
    _Column("drop\npoints", lambda cell: f"{cell.drop:.2f}", style=_verdict),
    _Column("SQNR\ndB", _sqnr, rank=1),
    _Column("overflows", lambda cell: f"{cell.overflows:,}", style=_quiet_zero),
    _Column("of additions\n%", _share, rank=3),
    _Column("first overflow\nlayer m n k", _first, rank=2, justify="left"),
    _Column("time\ns", lambda cell: f"{cell.seconds:.2f}", rank=4, style=lambda _: "dim"),
)
