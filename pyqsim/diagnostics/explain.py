"""One output of a matmul, every value on its way: terms, partial sums, roundings, overflows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Unpack

from pyqsim.checks import check_int
from pyqsim.datapath import Datapath, Merge
from pyqsim.diagnostics.explanation_lines import ChainPlace, Line, chain_lines, output_line
from pyqsim.errors import DatapathError
from pyqsim.events import Place
from pyqsim.execution import CallData, Runner
from pyqsim.ops import DataOptions
from pyqsim.ops.operands import Matrix, first_operand, second_operand
from pyqsim.text_table import aligned

__all__ = ["ChainPlace", "Explanation", "Line", "explain"]

_SHOWN = 48  # lines of a printed table; what happened is never left out before what did not


@dataclass(frozen=True, repr=False)
class Explanation:
    """How one output came about.

    Attributes
    ----------
    datapath : Datapath
    m, n : int
        Which output.
    lines : tuple of Line
        Chain by chain in the order of work, then the output steps.
    values : tuple of int or None
        The result: one, or one a chain where no `Merge` sums them; None after a trap.
    overflows : int
        Of the reduce steps, as `Events` counts them.
    first : tuple of int or None
        (step, m, n, k) of the first of them.
    """

    datapath: Datapath
    m: int
    n: int
    lines: tuple[Line, ...]
    values: tuple[int, ...] | None
    overflows: int
    first: Place | None

    def __repr__(self) -> str:
        return (
            f"Explanation(m={self.m}, n={self.n}, values={self.values}, "
            f"overflows={self.overflows}, first={self.first}, lines={len(self.lines)})"
        )

    def __str__(self) -> str:
        return self.table()

    def table(self, limit: int | None = _SHOWN) -> str:
        """Lay out the lines as text.

        Parameters
        ----------
        limit : int or None
            Most lines shown; of more, those at the beginning and the end and those where something
            happened come first. None: all.

        Returns
        -------
        str
        """
        chains = len({line.chain for line in self.lines}) > 1
        shown = _shown(self.lines, limit)
        rows, words, last = [], ["", ""], -1
        for index in [*shown, len(self.lines)]:
            if index != last + 1:
                rows.append(("", f"... {index - last - 1} lines", *[""] * (6 + chains)))
                words.append("")
            if index < len(self.lines):
                rows.append(_row(self.lines[index], chains))
                words.append(", ".join(self.lines[index].happened))
            last = index
        header = ("step", "what", *(("chain",) if chains else ()), "k", "factors", "before")
        table = aligned((*header, "in", "seen", "after"), rows, left=2).splitlines()
        width = max(map(len, table))
        beside = (
            f"{line:{width}}  {word}".rstrip() for line, word in zip(table, words, strict=True)
        )
        return "\n".join((self.title, "", *beside))

    @property
    def title(self) -> str:
        """One line: which output, its value, how many overflows and where the first is."""
        result = "no result: trapped" if self.values is None else " ".join(map(str, self.values))
        events = f"{self.overflows} overflow{'' if self.overflows == 1 else 's'}"
        if self.first is not None:
            events += f", the first in step {self.first[0]} at k={self.first[3]}"
        return f"output ({self.m}, {self.n}) = {result}; {events}"

    def to_json(self) -> dict[str, Any]:
        """Everything in values that the json module takes; fractions as "p/q"."""
        lines = [asdict(line) for line in self.lines]
        for line in lines:
            line["exact"] = None if line["exact"] is None else str(line["exact"])
        return {
            "datapath": repr(self.datapath),
            "m": self.m,
            "n": self.n,
            "values": self.values,
            "overflows": self.overflows,
            "first": self.first,
            "lines": lines,
        }

    def plot(self, path: str | Path) -> None:
        """Draw the terms and the partial sums of every step, with registers and overflows.

        Parameters
        ----------
        path : str or Path
            Ends in .png, .pdf or .svg.

        Raises
        ------
        MissingExtraError
            Without matplotlib: ``pip install 'pyqsim[plot]'``.
        """
        from pyqsim.diagnostics.figure import draw_explanation

        draw_explanation(self, Path(path))


def explain(
    a: Matrix, b: Matrix, datapath: Datapath, m: int, n: int, **data: Unpack[DataOptions]
) -> Explanation:
    """Say how one output of a matmul came about.

    Parameters
    ----------
    a, b, datapath
        As in `matmul`.
    m, n : int
        Which output.
    **data
        bias, requantize, out_zero_point, merge: as in `matmul`.

    Returns
    -------
    Explanation
        Written by the C reference: the same values and events as `matmul`'s.

    Raises
    ------
    PyqsimError
        As `matmul` raises them; but a TRAP only ends the explanation.

    Examples
    --------
    >>> import pyqsim as qs
    >>> dp = qs.Datapath(reduce=(qs.Accumulate(group=2), qs.Narrow(shift=1), qs.Accumulate(4)))
    >>> print(qs.explain([[3, 2, 7, 6]], [[1]] * 4, dp, 0, 0))
    output (0, 0) = -8; 1 overflow, the first in step 2 at k=3
    <BLANKLINE>
    step  what        k  factors  before  in  seen  after
    ----  ----------  -  -------  ------  --  ----  -----
          Multiply    0    3 * 1                        3
          Multiply    1    2 * 1                        2
          Multiply    2    7 * 1                        7
          Multiply    3    6 * 1                        6
    0     Accumulate  0                0   3     3      3
    0     Accumulate  1                3   2     5      5
    0     Accumulate  2                0   7     7      7
    0     Accumulate  3                7   6    13     13
    1     Narrow      1                    5     2      2  tie rounded down
    1     Narrow      3                   13     6      6  tie rounded down
    2     Accumulate  1                0   2     2      2
    2     Accumulate  3                2   6     8     -8  wrapped
    """
    if not isinstance(datapath, Datapath):
        raise DatapathError(f"datapath={datapath!r}, allowed: a Datapath")
    runner = Runner(datapath, second_operand(b), kernel="reference")
    first = first_operand(a)
    check_int("explain", "m", m, 0, len(first.codes) - 1)
    check_int("explain", "n", n, 0, runner.shape[1] - 1)
    chains, outputs = runner.trace(first, CallData(**data), int(m), int(n))
    lines = [line for one in chains for line in chain_lines(datapath, one)]
    lines += [output_line(datapath, record, chains) for record in outputs]
    left = 1 if any(isinstance(step, Merge) for step in datapath.output) else len(chains)
    values = [r.after for r in outputs[-left:]] or [one.raw.value for one in chains]
    trapped = any("trapped" in line.happened for line in lines)
    overflowed = [one for one in lines if one.overflowed and one.step < len(datapath.reduce)]
    found = min(overflowed, key=lambda one: (one.chain, one.position, one.step), default=None)
    return Explanation(
        datapath=datapath,
        m=int(m),
        n=int(n),
        lines=tuple(lines),
        values=None if trapped else tuple(values),
        overflows=len(overflowed),
        first=None if found is None else (found.step, int(m), int(n), found.k),
    )


def _row(line: Line, with_chain: bool) -> tuple[str, ...]:
    return (
        "" if line.step < 0 else str(line.step),
        line.name,
        *((",".join(map(str, line.chain)),) if with_chain else ()),
        "" if line.k < 0 else str(line.k),
        "" if line.a is None else f"{line.a} * {line.b}",
        "" if line.before is None else str(line.before),
        "" if line.step < 0 else str(line.value),
        "" if line.seen is None else str(line.seen),
        str(line.after),
    )


def _shown(lines: tuple[Line, ...], limit: int | None) -> list[int]:
    """Which lines a table of `limit` shows: both ends, then what happened, then the rest."""
    if limit is None or len(lines) <= limit:
        return list(range(len(lines)))
    ends = [*range(limit // 8), *range(len(lines) - limit // 8, len(lines))]
    events = [i for i, line in enumerate(lines) if line.happened]
    ranked = dict.fromkeys([*ends, *events, *range(len(lines))])
    return sorted(list(ranked)[:limit])
