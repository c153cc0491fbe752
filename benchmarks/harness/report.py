"""The frame of a benchmark program: options, the machine in words, tables, the file."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.contest import Contest, Entry, Past, WrongResultError, hold
from harness.machine import alone, environment
from harness.peaks import why_no_peaks
from pyqsim.cli.bench import kernel_of as kernel
from pyqsim.cli.json_file import check_writable, write_json
from pyqsim.cli.options import int_in
from pyqsim.text_table import aligned

__all__ = ["GMAC", "Unit", "add_options", "chosen", "finish", "kernel", "noted", "run", "start"]


@dataclass(frozen=True, slots=True)
class Unit:
    """What rates are shown in.

    Attributes
    ----------
    name : str
    scale : float
        How many units of work a second, or, where `inverse`, seconds a unit of work, are one.
    inverse : bool
    """

    name: str
    scale: float
    inverse: bool = False

    def shown(self, rate: float) -> str:
        """A rate, in units of work a second, for a table."""
        return f"{(1 / rate if self.inverse else rate) / self.scale:.4g}"


GMAC = Unit("GMAC/s", 1e9)


def add_options(parser: argparse.ArgumentParser, *, threads: bool = True) -> None:
    """Add what every benchmark understands."""
    parser.add_argument("--quick", action="store_true", help="small sizes, in seconds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")
    parser.add_argument(
        "--only",
        nargs="+",
        default=(),
        metavar="TEXT",
        help="of other programs only those whose name contains one of these",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="S",
        help="that each contestant is timed for, per contest (default: 0.4; 0.01 with --quick)",
    )
    parser.add_argument(
        "--patience",
        type=float,
        metavar="S",
        help="no call that is foreseen to last longer is made (default: 5; 0.5 with --quick)",
    )
    if threads:
        parser.add_argument(
            "--threads",
            type=int_in(1, 1024),
            default=1,
            metavar="N",
            help="of every program (default: 1)",
        )


def start(options: argparse.Namespace) -> dict[str, Any]:
    """Make the conditions alike for all, and print them.

    Returns
    -------
    dict
        The environment, for `finish`.
    """
    alone(getattr(options, "threads", 1))
    if options.json is not None:
        check_writable(options.json)
    options.seconds = options.seconds or (0.01 if options.quick else 0.4)
    options.patience = options.patience or (0.5 if options.quick else 5.0)
    found = environment()
    isas = ", ".join(found["isas"])
    print(f"{found['cpu']}, {found['system']}; {found['threads'] or 'all'} thread(s)", end="")
    print("" if found["pinned to cores"] is None else f" on core {found['pinned to cores']}")
    print(f"pyqsim {found['pyqsim']} built by {found['compiler']}, instruction sets {isas}")
    peers = (f"{name} {version or 'not installed'}" for name, version in found["peers"].items())
    print("; ".join(peers))
    print(f"best of turns, {options.seconds:g} s a contestant and contest; results compared first")
    if why_no_peaks() is not None:
        print(f"the peak is not known: {why_no_peaks()}")
    return found


def chosen(options: argparse.Namespace, contest: Contest) -> Contest:
    """The contest without the programs that --only leaves out."""
    if not options.only:
        return contest
    wanted = [word.casefold() for word in options.only]
    kept = [
        one
        for one in contest.contestants
        if one.ours or any(word in one.name.casefold() for word in wanted)
    ]
    return replace(contest, contestants=kept)


def run(
    options: argparse.Namespace,
    contests: Iterable[Contest],
    unit: Unit,
    *,
    compact: bool = False,
    summary: bool = True,
) -> list[Entry]:
    """Hold contests one after the other, and show each as soon as it is over; then all of them.

    Parameters
    ----------
    options : Namespace
        After `start`.
    contests : iterable of Contest
        Made one at a time: operands need not exist all at once.
    unit : Unit
        Of the rates printed.
    compact : bool
        Show each contest as a line instead of a table.
    summary : bool
        Show all of them again, a line each, at the end.

    Returns
    -------
    list of Entry
    """
    past, entries, held = Past(options.patience), [], 0
    for contest in contests:
        try:
            found = hold(chosen(options, contest), options.seconds, past)
        except WrongResultError as error:
            sys.exit(f"WRONG: {error}")
        if compact:
            shown = "-" if found[0].rate is None else f"{unit.shown(found[0].rate)} {unit.name}"
            print(f"{contest.work}: {shown}", flush=True)
        else:
            print(f"\n{contest.work}\n{_table(found, unit)}", flush=True)
        entries += found
        held += 1
    if summary and held > 1:
        print(f"\n{_summary(entries, unit)}")
    return entries


def _summary(entries: Sequence[Entry], unit: Unit) -> str:
    """A line a contest: the first contestant, and the fastest other program, if any, or way."""
    rows = []
    for work, group in groupby(entries, key=lambda entry: entry.work):
        first, *others = group
        if first.rate is None:
            rows.append((work, "-", "-", "-", "-", first.note))
            continue
        timed = [entry for entry in others if entry.ratio is not None]
        foreign = [entry for entry in timed if not entry.ours]
        best = min(foreign or timed, key=lambda entry: entry.ratio or 0.0, default=None)
        share = "-" if first.of_peak is None else f"{first.of_peak:.3f}"
        other = (
            ("-", "-", "")
            if best is None or best.rate is None
            else (unit.shown(best.rate), f"{best.ratio:.3g} x", best.name)
        )
        rows.append((work, unit.shown(first.rate), share, *other))
    header = ("", unit.name, "of bound", "best other", "first is", "")
    return noted(header, rows)


def _table(entries: Sequence[Entry], unit: Unit) -> str:
    header = ("", "time a call", unit.name, "first is", "of bound", "")
    return noted(header, [(*_row(entry, unit), entry.note) for entry in entries])


def noted(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose last column is text of any length."""
    lines = aligned(header[:-1], [row[:-1] for row in rows]).splitlines()
    width = len(lines[1]) + 2
    notes = (header[-1], "", *(row[-1] for row in rows))
    return "\n".join(
        f"{line:{width}}{note}".rstrip() for line, note in zip(lines, notes, strict=True)
    )


def _row(entry: Entry, unit: Unit) -> tuple[str, ...]:
    if entry.timing is None or entry.rate is None:
        return (entry.name, "-", "-", "-", "-")
    return (
        entry.name,
        _time(entry.timing.best),
        unit.shown(entry.rate),
        "-" if entry.ratio is None else f"{entry.ratio:.3g} x",
        "-" if entry.of_peak is None else f"{entry.of_peak:.3f}",
    )


def _time(seconds: float) -> str:
    for limit, factor, unit in ((1e-3, 1e6, "us"), (1.0, 1e3, "ms")):
        if seconds < limit:
            return f"{seconds * factor:.2f} {unit}"
    return f"{seconds:.2f} s"


def finish(
    options: argparse.Namespace, found: dict[str, Any], entries: Sequence[Entry], **more: Any
) -> None:
    """Write the file, if one is wanted; `more` goes in as it is."""
    if options.json is None:
        return
    settings = {name: getattr(options, name) for name in ("quick", "seconds", "patience", "only")}
    content = {
        "benchmark": Path(sys.argv[0]).stem,
        "environment": found,
        "settings": settings,
        "entries": [asdict(entry) for entry in entries],
    }
    write_json(options.json, content | more)
