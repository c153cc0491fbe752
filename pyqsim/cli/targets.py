"""``pyqsim targets``: named machines, and which of them made given numbers."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pyqsim import targets
from pyqsim.cli.json_file import check_writable, write_json
from pyqsim.cli.options import UsageError
from pyqsim.targets.identify import Identification
from pyqsim.targets.layer_data import load_arrays
from pyqsim.targets.target import Target
from pyqsim.text_table import aligned

__all__ = ["DESCRIPTION", "SUMMARY", "add_arguments", "facts", "run"]

SUMMARY = "named machines: their datapaths, sources, and how far they are verified"
DESCRIPTION = """\
Print every target; or one with the steps of its datapath; or the targets that make exactly what a
machine was seen to make:
  pyqsim targets x86-vpdpbusds
  pyqsim targets --identify FILE.npz

FILE.npz holds arrays a (M, K), b (K, N) and out (M, N), and optionally bias, a_scale, b_scale and
out_scale (without them out holds accumulators), a_zero_point, b_zero_point, out_zero_point.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="only this one, in detail")
    parser.add_argument("--identify", type=Path, metavar="FILE.npz", help="which machine was it?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the table, one target, or what was identified (exit status 1 where nothing was)."""
    if options.name is not None and options.identify is not None:
        raise UsageError(f"{options.name} with --identify, allowed: one of them")
    if options.json is not None:
        check_writable(options.json)
    if options.identify is not None:
        return _run_identify(options.identify, options.json)
    if options.name is not None:
        found: Any = facts(targets.get(options.name))
        _print_details(targets.get(options.name))
    else:
        chosen = [targets.get(name) for name in targets.names()]
        found = [facts(target) for target in chosen]
        _print_table(chosen)
    if options.json is not None:
        write_json(options.json, found)
    return 0


def facts(target: Target) -> dict[str, Any]:
    """What there is to know of a target, in values that the json module takes.

    Examples
    --------
    >>> facts(targets.get("arm-sdot"))["reduce"][0]["group"]
    4
    """
    return {
        "name": target.name,
        "family": target.family,
        "title": target.title,
        "status": target.status,
        "verified": [asdict(one) for one in target.verified],
        "confidence": target.confidence,
        "a": asdict(target.a),
        "b": asdict(target.b),
        "bias": asdict(target.bias) if target.datapath.reads_bias else None,
        "k": target.k,
        "zero_points": target.zero_points,
        "scale_rule": target.scale_rule,
        "scheme": None if target.scheme is None else repr(target.scheme),
        "product": repr(target.datapath.product),
        "reduce": [_step(step) for step in target.datapath.reduce],
        "output": [_step(step) for step in target.datapath.output],
        "source": target.source,
        "notes": target.notes,
        "pitfalls": list(target.pitfalls),
    }


def _step(step: Any) -> dict[str, Any]:
    """A step's class and the fields that are not its defaults, others as Python writes them."""
    fields = {name: getattr(step, name) for name in step.__dataclass_fields__}
    plain = {
        name: value if isinstance(value, (int, str)) else repr(value)
        for name, value in fields.items()
        if value != step.__dataclass_fields__[name].default
    }
    return {"step": type(step).__name__, **plain}


def _step_text(step: Any) -> str:
    fields = _step(step)
    name = fields.pop("step")
    return f"{name}({', '.join(f'{key}={value}' for key, value in fields.items())})"


def _print_table(chosen: list[Target]) -> None:
    """One line a rule: targets that differ in their width only stand together."""
    by_group: dict[str, list[Target]] = {}
    for target in chosen:
        by_group.setdefault(target.group, []).append(target)
    rows = [
        (group, _status(members), members[0].title if len(members) == 1 else _common(members))
        for group, members in by_group.items()
    ]
    print(aligned(("target", "status", "what it does"), rows, left=3))
    print(f"\n{len(chosen)} targets; * stands for widths; details: pyqsim targets NAME")


def _status(members: list[Target]) -> str:
    kinds = sorted({member.status for member in members})
    if kinds == ["verified"]:
        return f"verified, {sum(v.cases for m in members for v in m.verified):,} cases"
    return ", ".join(kinds)


def _common(members: list[Target]) -> str:
    widths = "|".join(member.name.rsplit("-", 1)[1] for member in members)
    return f"{members[0].title} [{widths}]"


def _print_details(target: Target) -> None:
    operands = {"a": target.a, "b": target.b}
    if target.datapath.reads_bias:
        operands["bias"] = target.bias
    rows = [
        ("target", target.name),
        ("what it does", target.title),
        ("operands", ", ".join(f"{name} in {one}" for name, one in operands.items())),
        ("products", "any number" if target.k is None else str(target.k)),
        ("zero points", target.zero_points or "none"),
        ("product", _step_text(target.datapath.product)),
        *(("sum", _step_text(step)) for step in target.datapath.reduce),
        *(("output", _step_text(step)) for step in target.datapath.output),
    ]
    if target.scheme is not None:
        rows.append(("real factor", f"a_scale * b_scale / out_scale, {target.scale_rule}"))
    rows += [("source", target.source), ("status", target.status)]
    rows += [
        (
            "verified",
            f"{one.peer} {one.version}: {one.cases:,} cases, {one.mismatches:,} mismatches",
        )
        for one in target.verified
    ]
    rows += [("note", target.notes)] if target.notes else []
    rows += [("pitfall", pitfall) for pitfall in target.pitfalls]
    for name, text in rows:
        print(f"{name:12}  {text}")


def _run_identify(path: Path, report: Path | None) -> int:
    layer, out = load_arrays(path)
    if out is None:
        raise UsageError(f"{path}: no array out, allowed: with what the machine made")
    arguments = {name: getattr(layer, name) for name in layer.__dataclass_fields__}
    found = targets.identify(arguments.pop("a"), arguments.pop("b"), out, **arguments)
    _print_identification(found)
    if report is not None:
        write_json(
            report,
            {
                "observations": found.observations,
                "consistent": list(found.consistent),
                "refuted": {name: asdict(one) for name, one in found.refuted.items()},
                "skipped": dict(found.skipped),
            },
        )
    return 0 if found.consistent else 1


def _print_identification(found: Identification) -> None:
    print(f"{found.observations:,} numbers; consistent with all of them:")
    for name in found.consistent:
        print(f"  {name}: {targets.get(name).title}")
    if not found.consistent:
        print("  no target")
    nearest = sorted(found.refuted.items(), key=lambda item: item[1].differing)[:10]
    rows = [
        (name, str(one.differing), str(one.place), str(one.observed), str(one.computed))
        for name, one in nearest
    ]
    if rows:
        print("\nrefuted, the nearest first:")
        print(aligned(("target", "differing", "first at", "observed", "computed"), rows))
        print(f"{len(found.refuted)} refuted")
    print(f"{len(found.skipped)} cannot take these operands")
