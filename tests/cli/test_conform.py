"""Kernels of others: a right one passes; planted bugs are found, named, and set the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import pyqsim as qs
from pyqsim.cli import main
from pyqsim.testing import vectors

EXAMPLES = Path(__file__).parents[1] / "examples" / "conform"
MACHINE = str(EXAMPLES / "machine.json")
DECLARATION = (
    "void mac(size_t m, size_t n, size_t k, const int8_t *a, size_t a_stride, const int8_t *b, "
    "size_t b_stride, const int32_t *bias, int8_t *out, size_t out_stride)"
)


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """The three examples, compiled by the system's compiler."""
    folder = tmp_path_factory.mktemp("libraries")
    for source in EXAMPLES.glob("mac_*.c"):
        target = folder / f"{source.stem}.so"
        flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC"]
        subprocess.run(["cc", *flags, "-o", str(target), str(source)], check=True)
    return folder


def run(capsys, *words):
    status = main(["conform", *map(str, words)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def run_library(capsys, library, *words):
    return run(
        capsys, "--datapath", MACHINE, "--library", library, "--declaration", DECLARATION, *words
    )


def test_the_right_c_kernel_conforms(capsys, libraries, tmp_path):
    files = ["--junit", tmp_path / "r.xml", "--json", tmp_path / "r.json"]
    status, out, _ = run_library(capsys, libraries / "mac_right.so", *files)
    assert status == 0
    assert "conforms" in out
    suite = ElementTree.parse(tmp_path / "r.xml").getroot()
    assert (suite.get("failures"), suite.get("errors"), suite.get("tests")) == ("0", "0", "2")
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["passed"]
    assert {s["name"] for s in report["sections"]} == {"every pair of codes", "steered calls"}
    assert sum(s["outputs"] for s in report["sections"]) > 60_000


@pytest.mark.parametrize(
    ("bug", "cause", "detail"),
    [
        ("tie", "tie rule", "output step 0 (Narrow): HALF_UP instead of HALF_EVEN"),
        (
            "saturation",
            "range rule after the sum",
            "reduce step 0 (Accumulate): SATURATE once, after the sum, not at every addition",
        ),
    ],
)
def test_planted_bugs_in_c_are_found_and_named(capsys, libraries, tmp_path, bug, cause, detail):
    files = ["--junit", tmp_path / "r.xml", "--json", tmp_path / "r.json"]
    status, out, _ = run_library(capsys, libraries / f"mac_{bug}_bug.so", *files)
    assert status == 1
    assert "DOES NOT CONFORM" in out
    assert f"likely cause: {cause}: {detail}" in out
    assert " => " in out
    assert "shapes: a (1, " in out
    failure = ElementTree.parse(tmp_path / "r.xml").getroot().find(".//failure")
    assert failure is not None
    assert cause in failure.text
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["causes"][0] == {"cause": cause, "detail": detail}


def program(fault=None):
    words = [sys.executable, str(EXAMPLES / "line_kernel.py")]
    return " ".join(words + (["--fault", fault] if fault else []))


def test_a_program_of_lines_conforms(capsys):
    status, out, _ = run(capsys, "--datapath", MACHINE, "--program", program(), "--b", "int8")
    assert status == 0, out


def test_a_wrong_program_is_named(capsys):
    status, out, _ = run(capsys, "--datapath", MACHINE, "--program", program("wrap"))
    assert status == 1
    assert "overflow rule: reduce step 0 (Accumulate): WRAP instead of SATURATE" in out


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("garbage", "answered 'ERROR: x propagated', allowed: NUMBER y,y,..."),
        ("twice", "call 3 answered twice"),
        ("short", "outputs for call 3, allowed: "),
        ("stray", "answered call 1000000, allowed: 0..49"),
        ("huge", "allowed: int64"),
        ("early", "ended with status 7 after 3 of"),
        ("silent", "no answer for 1 s, 3 of"),
    ],
)
def test_programs_that_misbehave(capsys, fault, words):
    command, began = program(fault), time.perf_counter()
    machine = "Datapath(reduce=(Accumulate(20, 'saturate', start='bias'),))"
    status, out, _ = run(
        capsys, "--datapath", machine, "--program", command, "--timeout", 1, "--a", "Affine(2)"
    )
    assert status == 2
    assert words in out
    assert time.perf_counter() - began < 20  # "silent" sleeps for 60 s


def test_words_beyond_the_stated_width(capsys, tmp_path):
    """The machine's result has 32 bits, so has a word in hexadecimal."""
    (tmp_path / "kernel.py").write_text(
        "import sys\n"
        "for line in sys.stdin:\n"
        "    f = dict(w.split('=') for w in line.split()[1:])\n"
        "    print(line.split()[0], ','.join(['1' * 9] * (int(f['m']) * int(f['n']))))\n"
    )
    status, out, _ = run(
        capsys, "--datapath", "Datapath(reduce=(Accumulate(32),))", "--radix", 16,
        "--program", f"{sys.executable} {tmp_path}/kernel.py",
    )  # fmt: skip
    assert status == 2
    assert "allowed: words of 32 bits" in out


def test_hex_lines(capsys, tmp_path):
    """Radix 16: two's complement words of the codes' width, 32-bit answers."""
    (tmp_path / "kernel.py").write_text(
        "import sys\n"
        "for line in sys.stdin:\n"
        "    number, *words = line.split()\n"
        "    f = dict(w.split('=') for w in words)\n"
        "    s = lambda t: [(int(w, 16) + 128) % 256 - 128 for w in t.split(',') if w]\n"
        "    m, n, k = (int(f[x]) for x in 'mnk')\n"
        "    a, b = s(f['a']), s(f['b'])\n"
        "    y = [sum(a[i*k+t] * b[t*n+j] for t in range(k)) for i in range(m) for j in range(n)]\n"
        "    print(number, ','.join(f'{v % 2**32:08X}' for v in y))\n"
    )
    status, out, _ = run(
        capsys, "--datapath", "Datapath(reduce=(Accumulate(32),))", "--radix", 16,
        "--program", f"{sys.executable} {tmp_path}/kernel.py",
    )  # fmt: skip
    assert status == 0, out


RSHRN_32 = """
#include <stdint.h>
#include <stddef.h>
static int32_t narrowed(int64_t x, int32_t right, uint64_t nudge)
{
    uint64_t sum = (uint64_t)x + nudge;
    uint64_t sign = x < 0 && !((sum ^ (uint64_t)x) >> 63) ? UINT64_MAX << (64 - right) : 0;
    return (int32_t)(uint32_t)((sum >> right) | sign);
}
#define RSHRN(name, nudge) \\
void name(size_t m, size_t n, const int64_t *a, const int8_t *b, const int8_t *shift, \\
          int32_t *out) \\
{ \\
    (void)b; \\
    for (size_t i = 0; i < m; i++) \\
        for (size_t j = 0; j < n; j++) \\
            out[i * n + j] = narrowed(a[i], -shift[j], nudge); \\
}
RSHRN(rshrn, (uint64_t)1 << (-shift[j] - 1))
RSHRN(shrn, 0)
void smlal(size_t m, size_t n, size_t k, const int32_t *a, const int32_t *b, const int64_t *bias,
           int64_t *out)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            uint64_t sum = (uint64_t)bias[j];
            for (size_t t = 0; t < k; t++)
                sum += (uint64_t)((int64_t)a[i * k + t] * b[t * n + j]);
            out[i * n + j] = (int64_t)sum;
        }
}
"""


@pytest.fixture(scope="module")
def of_64_bits(tmp_path_factory):
    """Two instructions of 64-bit operands and results, and one that forgets to round."""
    folder = tmp_path_factory.mktemp("of_64_bits")
    (folder / "wide.c").write_text(RSHRN_32)
    words = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"]
    subprocess.run([*words, folder / "wide.so", folder / "wide.c"], check=True)
    return folder / "wide.so"


def test_64_bit_operands_and_the_shifts_of_an_instruction(capsys, of_64_bits, tmp_path):
    """arm-rshrn-32: the shift is an immediate of 1..32, so no call may have another."""
    words = ["--target", "arm-rshrn-32", "--library", of_64_bits, "--declaration"]
    declaration = (
        "void {}(size_t m, size_t n, const int64_t *a, const int8_t *b, const int8_t *shift, "
        "int32_t *out)"
    )
    report = ["--json", tmp_path / "r.json"]
    status, out, _ = run(capsys, *words, declaration.format("rshrn"), *report)
    assert status == 0, out
    sections = json.loads((tmp_path / "r.json").read_text())["sections"]
    assert sum(section["outputs"] for section in sections) > 4000
    status, out, _ = run(capsys, *words, declaration.format("shrn"))
    assert status == 1
    assert "FLOOR instead of HALF_UP" in out


def test_64_bit_results(capsys, of_64_bits):
    words = ["--target", "arm-smlal-64", "--library", of_64_bits, "--declaration"]
    status, out, _ = run(
        capsys,
        *words,
        "void smlal(size_t m, size_t n, size_t k, const int32_t *a, const int32_t *b, "
        "const int64_t *bias, int64_t *out)",
    )
    assert status == 0, out


@pytest.mark.parametrize("radix", [10, 16])
def test_lines_of_64_bits(capsys, tmp_path, radix):
    """Words of the answer are as wide as the machine's result."""
    (tmp_path / "kernel.py").write_text(
        "import sys\n"
        "radix = int(sys.argv[1])\n"
        "signed = lambda v, bits: (v + 2**(bits-1)) % 2**bits - 2**(bits-1)\n"
        "for line in sys.stdin:\n"
        "    number, *words = line.split()\n"
        "    f = dict(w.split('=') for w in words)\n"
        "    code = lambda t: [signed(int(w, radix), 32) for w in t.split(',') if w]\n"
        "    m, n, k = (int(f[x]) for x in 'mnk')\n"
        "    a, b = code(f['a']), code(f['b'])\n"
        "    bias = [int(w) for w in f['bias'].split(',') if w]\n"
        "    y = [bias[j] + sum(a[i*k+t] * b[t*n+j] for t in range(k))\n"
        "         for i in range(m) for j in range(n)]\n"
        "    word = (lambda v: f'{v % 2**64:016x}') if radix == 16 else lambda v: signed(v, 64)\n"
        "    print(number, ','.join(str(word(v)) for v in y))\n"
    )
    status, out, _ = run(
        capsys, "--target", "arm-smlal-64", "--radix", radix,
        "--program", f"{sys.executable} {tmp_path}/kernel.py {radix}",
    )  # fmt: skip
    assert status == 0, out


def test_a_python_callable_and_a_target(capsys, tmp_path, monkeypatch):
    (tmp_path / "my_kernels.py").write_text(
        "import numpy as np\n"
        "def exact(a, b, bias=0):\n"
        "    exact = a.astype(np.int64) @ b.astype(np.int64) + bias\n"
        "    return exact.astype(np.int32)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    machine = "Datapath(reduce=(Accumulate(32, start='bias'),))"
    status, out, _ = run(capsys, "--datapath", machine, "--python", "my_kernels:exact")
    assert status == 0, out
    status, out, _ = run(capsys, "--target", "x86-vpmaddubsw", "--python", "my_kernels:exact")
    assert status == 1
    assert "uint8" in out
    assert "b (2, 1) int8" in out


def test_recorded_outputs(capsys, tmp_path):
    machine = qs.Datapath(reduce=(qs.Accumulate(16, "saturate"),))
    int8 = np.dtype("int8")
    made = vectors.make(vectors.Recipe(machine, int8, int8, (3, 3, 9), calls=30))
    vectors.write(tmp_path, made)
    status, out, _ = run(capsys, "--vectors", tmp_path)
    assert status == 0, out
    exact = made.arrays["a"].astype(int) @ made.arrays["b"].astype(int)
    np.save(tmp_path / "device.npy", (exact + 2**15) % 2**16 - 2**15)
    status, out, _ = run(capsys, "--vectors", tmp_path, "--outputs", tmp_path / "device.npy")
    assert status == 1
    assert (
        "likely cause: overflow rule: reduce step 0 (Accumulate): WRAP instead of SATURATE" in out
    )
    np.save(tmp_path / "device.npy", exact[:2])
    status, _, err = run(capsys, "--vectors", tmp_path, "--outputs", tmp_path / "device.npy")
    assert status == 2
    assert "allowed: integers of shape (30, 3, 3)" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--python", "math:gcd"], "--target or --datapath: missing"),
        (["--datapath", "Datapath(", "--python", "math:gcd"], "allowed: an expression"),
        (["--datapath", "__import__('os')", "--python", "math:gcd"], "names of pyqsim"),
        (["--datapath", "(1).real", "--python", "math:gcd"], "Attribute in"),
        (["--datapath", "Affine(8)", "--python", "math:gcd"], "allowed: a Datapath"),
        (["--datapath", "Datapath()", "--python", "nothing"], "allowed: module:function"),
        (["--datapath", "Datapath()", "--a", "int7", "--python", "math:gcd"], "int7"),
        (["--datapath", "nowhere.json", "--python", "math:gcd"], "nowhere.json"),
        (["--datapath", "Datapath()", "--library", "x.so"], "--declaration: missing"),
        (
            ["--datapath", "Datapath()", "--library", "x.so", "--declaration", "int f(int q)"],
            "parameter 'q', allowed: m, n, k, a, b",
        ),
        (
            ["--datapath", "Datapath()", "--library", "x.so", "--declaration", "int f(int m)"],
            "no parameter a",
        ),
        (
            [
                "--datapath", "Datapath()", "--library", "x.so", "--declaration",
                "void f(const int8_t *a, const int8_t *b, int32_t *out)",
            ],
            "x.so",
        ),
        (["--target", "no-such", "--python", "math:gcd"], "target='no-such'"),
        (["--datapath", "Datapath()", "--program", "/no/such/program"], "a program that starts"),
        (["--vectors", "nowhere"], "a description of vectors"),
        (
            ["--datapath", "Datapath()", "--b", "BitPlanes(2)", "--python", "math:gcd"],
            "planes=2, allowed: 1",
        ),
    ],
)  # fmt: skip
def test_calls_that_cannot_be_carried_out(capsys, words, message):
    status, out, err = run(capsys, *words)
    assert status == 2
    assert message in out + err


@pytest.mark.parametrize("option", ["--junit", "--json"])
def test_files_that_cannot_be_written_are_refused_before_the_run(capsys, tmp_path, option):
    file = tmp_path / "missing" / "r"
    status, out, err = run(capsys, "--datapath", "Datapath()", "--python", "math:gcd", option, file)
    assert (status, out) == (2, "")
    assert str(file.parent) in err


def test_c_functions_that_misbehave(capsys, tmp_path):
    """A status, a write beyond the output, a machine that reads what the function is not given."""
    source = tmp_path / "bad.c"
    source.write_text(
        "#include <stdint.h>\n#include <stddef.h>\n#include <stdlib.h>\n"
        "int fails(const int8_t *a, const int8_t *b, int32_t *out)"
        "{ (void)a; (void)b; (void)out; return 3; }\n"
        "void beyond(size_t m, size_t n, const int8_t *a, const int8_t *b, int32_t *out)"
        "{ (void)a; (void)b; out[m * n] = 0; }\n"
        "void takes(const int8_t *a, const int8_t *b, const int8_t *bias, int32_t *out)"
        "{ (void)a; (void)b; (void)bias; (void)out; }\n"
        "void dies(const int8_t *a, const int8_t *b, int32_t *out)"
        "{ (void)a; (void)b; (void)out; abort(); }\n"
        "void hangs(const int8_t *a, const int8_t *b, int32_t *out)"
        "{ (void)a; (void)b; (void)out; for (volatile int i = 0; i < 1; i *= 1) {} }\n"
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "bad.so", source], check=True)
    for machine, declaration, message in (
        ("Datapath()", "int fails(const int8_t *a, const int8_t *b, int32_t *out)", "returned 3"),
        (
            "Datapath()",
            "void beyond(size_t m, size_t n, const int8_t *a, const int8_t *b, int32_t *out)",
            "wrote beyond out",
        ),
        (
            "Datapath(output=(AddBias(32),))",
            "int fails(const int8_t *a, const int8_t *b, int32_t *out)",
            "the machine reads bias",
        ),
        (
            "Datapath(output=(AddBias(32),))",
            "void takes(const int8_t *a, const int8_t *b, const int8_t *bias, int32_t *out)",
            "bias does not fit int8_t *",
        ),
        (
            "Datapath()",
            "void dies(const int8_t *a, const int8_t *b, int32_t *out)",
            "ended by SIGABRT in call 0",
        ),
        (
            "Datapath()",
            "void hangs(const int8_t *a, const int8_t *b, int32_t *out)",
            "no answer to call 0 for 1 s",
        ),
    ):
        status, out, _ = run(
            capsys, "--datapath", machine, "--library", tmp_path / "bad.so",
            "--declaration", declaration, "--timeout", 1,
        )  # fmt: skip
        assert status == 2
        assert message in out


def test_level_2_exhausts_and_goes_on(level, libraries, capsys):
    if level < 2:
        pytest.skip("level 2: millions of outputs, minutes")
    status, out, _ = run_library(capsys, libraries / "mac_right.so", "--level", 2)
    assert status == 0
    assert "every accumulator" in out
