"""``pyqsim accuracy``: the Markdown table."""

import json

import pyqsim as qs
from pyqsim.cli import main
from pyqsim.data import digits, float_network
from pyqsim.model import MACHINES, quantize_network, run


def test_table_and_file(capsys, tmp_path):
    path = tmp_path / "accuracy.json"
    assert main(["accuracy", "--digits", "30", "--network", "mlp", "--json", str(path)]) == 0
    title, _, header, rule, *rows = capsys.readouterr().out.splitlines()
    assert title.startswith("mlp: % of 30 digits right (float64: ")
    assert len({len(row) for row in (header, rule, *rows)}) == 1
    cells = {row.split("|")[1].strip(): row.split("|")[2:-1] for row in rows}
    found = json.loads(path.read_text())
    shown = [cell.strip() for row in cells.values() for cell in row if cell.strip() != "–"]
    assert sorted(shown) == sorted(f"{100 * one['accuracy']:.2f}" for one in found)
    assert [cell.strip() == "–" for cell in cells["APoT"]] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]

    network = quantize_network(float_network("mlp"), qs.APoT(3), MACHINES[0])
    result = run(network, network.input.tensor(digits().test_x[:30, :, :, None]))
    wanted = (result.predictions() == digits().test_y[:30]).mean()
    (apot3,) = [one for one in found if (one["family"], one["bits"]) == ("APoT", 3)]
    assert apot3["accuracy"] == wanted
    assert apot3["format"] == str(qs.APoT(3))
