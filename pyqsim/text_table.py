"""Tables of plain text, aligned, or in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["aligned", "markdown"]

_Rows = Sequence[Sequence[str]]


def aligned(header: Sequence[str], rows: _Rows, left: int = 1) -> str:
    """Lay out columns two spaces apart.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequences of str
        As long as the header.
    left : int
        How many of the first columns are aligned to the left; all others to the right.

    Returns
    -------
    str
        Lines without trailing spaces, a rule below the header.

    Examples
    --------
    >>> print(aligned(("name", "bits"), [("int8", "8")]))
    name  bits
    ----  ----
    int8     8
    """
    widths = _widths(header, rows)
    lines = [_cells(row, widths, left) for row in (header, ["-" * w for w in widths], *rows)]
    return "\n".join("  ".join(cells).rstrip() for cells in lines)


def markdown(header: Sequence[str], rows: _Rows, left: int = 1) -> str:
    """Make a table of Markdown that can be read as it is; the arguments are those of `aligned`.

    Examples
    --------
    >>> print(markdown(("name", "bits"), [("int8", "8")]))
    | name | bits |
    |:-----|-----:|
    | int8 |    8 |
    """
    widths = _widths(header, rows)
    rule = "|".join(
        f":{'-' * (w + 1)}" if i < left else f"{'-' * (w + 1)}:" for i, w in enumerate(widths)
    )
    head, *body = (f"| {' | '.join(_cells(row, widths, left))} |" for row in (header, *rows))
    return "\n".join([head, f"|{rule}|", *body])


def _widths(header: Sequence[str], rows: _Rows) -> list[int]:
    return [max(map(len, column)) for column in zip(header, *rows, strict=True)]


def _cells(row: Sequence[str], widths: Sequence[int], left: int) -> list[str]:
    pairs = enumerate(zip(row, widths, strict=True))
    return [cell.ljust(w) if i < left else cell.rjust(w) for i, (cell, w) in pairs]
