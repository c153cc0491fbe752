"""``pyqsim demo``: the table, the file, the oracle's veto."""

import json
import sys

import pytest

from pyqsim.cli import main
from pyqsim.cli.cells import ALL_FORMATS
from pyqsim.model import MACHINES
from pyqsim.testing import oracle

TIMES = {"seconds", "environment", "threads"}


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)


def demo(*options):
    return main(["demo", "--quick", "--digits", "4", *options])


def without_times(value):
    """A report without what differs from run to run."""
    if isinstance(value, dict):
        return {key: without_times(part) for key, part in value.items() if key not in TIMES}
    return [without_times(part) for part in value] if isinstance(value, list) else value


def test_table_and_file(capsys, tmp_path):
    path = tmp_path / "report.json"
    assert demo("--json", str(path)) == 0
    shown = capsys.readouterr().out
    report = json.loads(path.read_text())
    assert report["digits"] == 4
    assert [network["name"] for network in report["networks"]] == ["mlp", "cnn"]
    assert [cell["network"] for cell in report["cells"]] == ["mlp"] * 18 + ["cnn"] * 18
    assert {cell["machine"] for cell in report["cells"]} == {machine.name for machine in MACHINES}
    outputs = sum(cell["oracle"]["outputs"] for cell in report["cells"])
    assert f"oracle: {outputs:,} outputs recomputed in Python integers, 0 differences" in shown
    assert outputs >= 36 * 9  # three layers with weights in either network
    for cell in report["cells"]:
        assert cell["overflows"] == sum(cell["overflows_by_layer"].values())
        assert (cell["first_overflow"] is None) == (cell["overflows"] == 0)
        assert f"{cell['overflows']:,}" in shown
        assert cell["machine"] in shown
    assert "\x1b" not in shown  # no colour where there is no terminal
    assert all(len(line) <= 132 for line in shown.splitlines())


def test_the_same_on_every_run_and_thread_count(tmp_path):
    reports = []
    for number, threads in enumerate(("1", "2", "2")):
        path = tmp_path / f"{number}.json"
        assert (
            demo("--network", "mlp", "--digits", "40", "--threads", threads, "--json", str(path))
            == 0
        )
        reports.append(without_times(json.loads(path.read_text())))
    assert reports[0] == reports[1] == reports[2]


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_a_difference_from_the_oracle_is_an_error(capsys, monkeypatch, tmp_path, network):
    right = oracle.matmul

    def wrong(a, b, datapath, **options):
        value, events = right(a, b, datapath, **options)
        return value + (a.shape[1] == 32 or a.shape[1] == 25), events  # mlp linear3, cnn conv1

    monkeypatch.setattr(oracle, "matmul", wrong)
    path = tmp_path / "report.json"
    assert demo("--network", network, "--json", str(path)) == 1
    shown = capsys.readouterr().out
    layer = {"mlp": "linear3", "cnn": "conv1"}[network]
    assert f"{network}, int8, exact: {layer} m=" in shown
    assert " by the kernel, " in shown
    report = json.loads(path.read_text())
    assert report["oracle"]["differences"] >= 18 * 3
    assert {"layer", "m", "n", "what", "kernel", "oracle"} == set(
        report["cells"][0]["oracle"]["differences"][0]
    )


def test_a_wrong_place_of_the_first_overflow_is_an_error(capsys, monkeypatch):
    right = oracle.matmul

    def blind(a, b, datapath, **options):
        value, events = right(a, b, datapath, **options)
        object.__setattr__(events, "first", None)
        return value, events

    monkeypatch.setattr(oracle, "matmul", blind)
    assert demo("--network", "mlp") == 1
    assert (
        "first overflow (0, 0, 0, 266) by the kernel, None by the oracle" in capsys.readouterr().out
    )


def test_without_rich(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    assert demo() == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == ("pyqsim: error: the demo's table needs rich: pip install 'pyqsim[cli]'\n")


def test_a_file_that_cannot_be_written_is_refused_before_the_work(capsys, tmp_path):
    assert demo("--json", str(tmp_path)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Is a directory" in shown.err


@pytest.mark.parametrize(("width", "first_overflow"), [(160, True), (80, False)])
def test_a_terminal_has_colours_and_the_columns_that_fit(
    capsys, monkeypatch, width, first_overflow
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    assert demo("--network", "mlp") == 0
    shown = capsys.readouterr().out
    assert "\x1b[" in shown
    assert "0 differences" in shown
    assert ("first overflow  " in shown) == first_overflow
    assert "tree of 16, 20-bit saturating " in shown
    assert "…" not in shown


def test_all_formats(tmp_path, monkeypatch):
    monkeypatch.setattr("pyqsim.cli.cells.MACHINES", MACHINES[-1:])  # enough; all take seconds
    path = tmp_path / "report.json"
    options = ["--all-formats", "--digits", "2", "--network", "mlp", "--json", str(path)]
    assert main(["demo", *options]) == 0
    cells = json.loads(path.read_text())["cells"]
    assert {cell["format"] for cell in cells} == set(ALL_FORMATS)
    assert {str(fmt) for fmt in ALL_FORMATS.values()} == {cell["weight_format"] for cell in cells}
    assert {"Ternary 2-bit", "Codebook 4-bit", "PowerOfTwo-inq 4-bit"} <= set(ALL_FORMATS)
    assert {1, 2, 3} <= {fmt.planes for fmt in ALL_FORMATS.values()}


def test_all_formats_and_quick_exclude_each_other():
    with pytest.raises(SystemExit):
        main(["demo", "--all-formats", "--quick"])
