"""QTensor: the door, the layout of scales, and what codes stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyqsim.errors import CodeError, OperandError, QuantizationError, ShapeError
from pyqsim.formats import Affine, APoT, LogQuant, Planes, PowerOfTwo
from pyqsim.tensor import Granularity, QTensor

DIGITS = Planes([[c % 4 for c in range(16)], [c // 4 for c in range(16)]])


@pytest.mark.parametrize(
    "fmt", [Affine(3), Affine(4, signed=False), LogQuant(3, True), PowerOfTwo(4), APoT(6)], ids=str
)
def test_every_code(fmt):
    codes = np.arange(fmt.code_min, fmt.code_max + 1)
    q = QTensor(codes, fmt, scale=0.5)
    assert q.codes.dtype == fmt.code_dtype
    assert q.patterns().tolist() == [c % 2**fmt.code_bits for c in codes.tolist()]
    assert q.integers().tolist() == [int(fmt.integers()[p]) for p in q.patterns()]
    assert q.real().tolist() == [n * 2.0**-fmt.frac_bits * 0.5 for n in q.integers().tolist()]


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">i2", "<u4", ">i8", "u8"])
def test_codes_of_every_dtype_and_layout(dtype):
    codes = np.arange(24).reshape(2, 3, 4).astype(dtype)
    expected = codes.tolist()
    for view, wanted in (
        (codes, np.array(expected)),
        (np.asfortranarray(codes), np.array(expected)),
        (codes[:, ::-1, ::-2], np.array(expected)[:, ::-1, ::-2]),
        (codes.T, np.array(expected).T),
    ):
        q = QTensor(view, Affine(8))
        assert q.codes.tolist() == wanted.tolist()
        assert q.codes.dtype == np.dtype("int8")
        assert q.codes.flags.c_contiguous
        assert q.shape == wanted.shape
        assert q.ndim == 3


def test_frozen():
    codes = np.array([1, 2], dtype=np.int8)
    scale = np.array([0.5, 0.25])
    q = QTensor(codes, Affine(8), scale, axis=0)
    codes[0], scale[0] = 9, 9
    assert (q.codes.tolist(), q.scale.tolist()) == ([1, 2], [0.5, 0.25])
    for array in (q.codes, q.scale, q.zero_point):
        assert not array.flags.writeable
    with pytest.raises(AttributeError):
        q.scale = 1.0


@pytest.mark.parametrize(
    ("codes", "fmt", "message"),
    [
        ([[1, 2], [3, 128]], Affine(8), "codes[1, 1]=128, allowed: -128..127 for Affine(bits=8"),
        ([-129, 200], Affine(8), "codes[0]=-129, allowed: -128..127"),
        ([0, -128], Affine(8, narrow=True), "codes[1]=-128, allowed: -127..127"),
        (-1, Affine(4, signed=False), "codes=-1, allowed: 0..15"),
        ([16], APoT(4), "codes[0]=16, allowed: 0..15 for APoT("),
        ([8], LogQuant(3), "codes[0]=8, allowed: 0..7 for LogQuant("),
        ([16], DIGITS, "codes[0]=16, allowed: 0..15 for Planes of 2 x 16 integers"),
        (np.array([2**64 - 1], "u8"), Affine(8), "codes[0]=18446744073709551615, allowed: -128"),
    ],
    ids=str,
)
def test_codes_out_of_range(codes, fmt, message):
    with pytest.raises(CodeError) as error:
        QTensor(codes, fmt)
    assert message in str(error.value)


@pytest.mark.parametrize("codes", [[1.0], [True], ["1"], [None], [2**70], []])
def test_codes_that_are_not_integers(codes):
    with pytest.raises(OperandError, match=r"codes: dtype=.*, allowed: integers"):
        QTensor(codes, Affine(8))


def test_fmt_must_be_a_format():
    with pytest.raises(OperandError, match=r"fmt='int8', allowed: a pyqsim.formats.Format"):
        QTensor([1], "int8")


def test_scale_and_zero_point_have_their_full_shape():
    codes = np.zeros((6, 4, 2), int)
    for arguments, shape in (
        ({}, ()),
        ({"axis": 1}, (4,)),
        ({"axis": -1}, (2,)),
        ({"group": 4}, (2,)),
        ({"group": 4, "axis": 2}, (2, 2)),
        ({"group": 3, "group_axis": -2, "axis": 0}, (2, 6)),
        ({"group": 100, "group_axis": 0}, (1,)),
    ):
        q = QTensor(codes, Affine(8), 0.5, 3, **arguments)
        assert q.scale.tolist() == np.full(shape, 0.5).tolist()
        assert q.zero_point.tolist() == np.full(shape, 3).tolist()
        assert QTensor(codes, Affine(8), q.scale, q.zero_point, **arguments) == q
        assert (q.real() == -1.5).all()
        planes = QTensor(codes, DIGITS, 0.5, **arguments)
        assert planes.scale.shape == (2, *shape)
    assert QTensor(codes, Affine(8), axis=-1).axis == 2


def test_channels():
    q = QTensor([[1, 2], [3, 4]], Affine(8), [1.0, 10.0], [0, 1], axis=1)
    assert q.real().tolist() == [[1, 10], [3, 30]]
    q = QTensor([[1, 2], [3, 4]], Affine(8), [1.0, 10.0], [0, 1], axis=0)
    assert q.real().tolist() == [[1, 2], [20, 30]]


def test_groups():
    codes = np.ones((2, 5), int)
    q = QTensor(codes, Affine(8), [1.0, 2.0, 3.0], [0, 0, -1], group=2, group_axis=1)
    assert q.real().tolist() == [[1, 1, 2, 2, 6]] * 2
    scale = [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]
    q = QTensor(codes, Affine(8), scale, axis=0, group=2, group_axis=1)
    assert q.real().tolist() == [[1, 1, 2, 2, 3], [10, 10, 20, 20, 30]]
    q = QTensor(codes.T, Affine(8), scale, axis=1, group=2)
    assert q.real().T.tolist() == [[1, 1, 2, 2, 3], [10, 10, 20, 20, 30]]


def test_planes_have_a_scale_each():
    q = QTensor([[6, 15]], DIGITS, [1.0, 0.5])
    assert q.integers().tolist() == [[[2, 3]], [[1, 3]]]
    assert q.real().tolist() == [[2.5, 4.5]]
    q = QTensor([[6, 15]], DIGITS, [[1.0, 2.0], [0.5, 8.0]], axis=1)
    assert q.real().tolist() == [[2.5, 30.0]]


def test_real_is_rounded_once():
    q = QTensor([3, 127], Affine(8), 0.1, -128)
    assert q.real().tolist() == [131 * 0.1, 255 * 0.1]
    assert QTensor([31], LogQuant(5), 0.5).real().tolist() == [0.25]


def test_no_elements_and_no_axes():
    assert QTensor(np.zeros((0, 3), int), Affine(8), [1.0, 2.0, 3.0], axis=1).real().shape == (0, 3)
    assert QTensor(np.zeros((0, 3), int), Affine(8), axis=1, group=4).scale.shape == (0, 3)
    scalar = QTensor(5, Affine(8), 0.5)
    assert scalar.shape == ()
    assert scalar.real() == 2.5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scale": 0.0}, QuantizationError, "scale=0.0, allowed: finite and > 0"),
        ({"scale": [1, -2], "axis": 1}, QuantizationError, "scale[1]=-2.0, allowed: finite and >"),
        ({"scale": np.nan}, QuantizationError, "scale=nan, allowed: finite and > 0"),
        ({"scale": "x"}, OperandError, "scale: dtype=<U1, allowed: real numbers"),
        ({"scale": [1, 1]}, ShapeError, "scale.shape=(2,), allowed: a scalar or ()"),
        ({"scale": [1], "axis": 1}, ShapeError, "scale.shape=(1,), allowed: a scalar or (2,)"),
        ({"zero_point": 128}, QuantizationError, "zero_point=128, allowed: -128..127 for Affine"),
        ({"zero_point": 0.5}, OperandError, "zero_point: dtype=float64, allowed: an integer dtype"),
        ({"zero_point": [1, 1]}, ShapeError, "zero_point.shape=(2,), allowed: a scalar or ()"),
        ({"axis": 2}, ShapeError, "axis=2, allowed: -2..1 for shape (3, 2)"),
        ({"axis": 1.0}, ShapeError, "axis=1.0, allowed: -2..1 for shape (3, 2)"),
        ({"group": 0}, ShapeError, "group=0, allowed: an int >= 1"),
        ({"group": 2.0}, ShapeError, "group=2.0, allowed: an int >= 1"),
        ({"group": 2, "group_axis": 5}, ShapeError, "group_axis=5, allowed: -2..1 for shape"),
        ({"group": 2, "axis": -2}, ShapeError, "group_axis=0, allowed: any but axis=0"),
    ],
)
def test_parameters_refused(arguments, error, message):
    with pytest.raises(error) as caught:
        QTensor(np.zeros((3, 2), int), Affine(8), **arguments)
    assert message in str(caught.value)


def test_formats_with_rules_of_their_own():
    with pytest.raises(QuantizationError, match=r"scale=0.3, allowed: a power of two for LogQuant"):
        QTensor([1], LogQuant(3), 0.3)
    with pytest.raises(QuantizationError, match=r"zero_point=1, allowed: 0..0 for APoT"):
        QTensor([1], APoT(3), zero_point=1)
    with pytest.raises(ShapeError, match=r"axis=0, allowed: None for an array without axes"):
        QTensor(1, Affine(8), axis=0)


def test_equal_by_content():
    q = QTensor([1, 2], Affine(8), 0.5)
    same = QTensor(np.array([1, 2], ">i4"), Affine(8), 0.5)
    assert q == same
    assert hash(q) == hash(same)
    others = [
        QTensor([1, 3], Affine(8), 0.5),
        QTensor([[1, 2]], Affine(8), 0.5),
        QTensor([1, 2], Affine(7), 0.5),
        QTensor([1, 2], Affine(8), 0.25),
        QTensor([1, 2], Affine(8), 0.5, 1),
        QTensor([1, 2], Affine(8), 0.5, axis=0),
    ]
    assert not any(q == other for other in others)
    assert q != "q"


def test_repr_is_short():
    assert repr(QTensor(np.zeros((9, 9), int), APoT(4), 0.5, group=4, group_axis=1)) == (
        "QTensor(shape=(9, 9), format=APoT(bits=4, base_bits=2, signed=True), scale=(3,), "
        "group=4, group_axis=1)"
    )
    assert "zero_point=3" in repr(QTensor([1], Affine(8), zero_point=3))
    assert repr(QTensor([1], DIGITS)).startswith("QTensor(shape=(1,), format=Planes of 2 x 16 int")


shapes = st.lists(st.integers(0, 5), min_size=1, max_size=3).map(tuple)


@given(shapes, st.data())
def test_rows_and_spread_agree_with_a_walk_over_the_array(shape, data):
    axes = st.integers(0, len(shape) - 1)
    axis = data.draw(st.none() | axes)
    group = data.draw(st.none() | st.integers(1, 7))
    group_axis = data.draw(axes)
    if group is not None and axis == group_axis:
        axis = None
    granularity = Granularity(shape, axis, group, group_axis)
    expected = {}
    for index in np.ndindex(shape):
        parameter = () if group is None else (index[group_axis] // group,)
        parameter += () if axis is None else (index[axis],)
        expected.setdefault(parameter, []).append(index)
    numbers = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    rows = [row for part in granularity.rows(numbers) for row in part.tolist()]
    assert len(rows) == np.prod(granularity.parameter_shape, dtype=int)
    for row, parameter in zip(rows, np.ndindex(granularity.parameter_shape), strict=True):
        elements = expected.get(parameter, [])
        assert sorted(row) == sorted(int(numbers[index]) for index in elements)
    labels = np.arange(len(rows)).reshape(granularity.parameter_shape)
    spread = np.broadcast_to(granularity.spread(labels), shape)
    for parameter, elements in expected.items():
        assert all(spread[index] == labels[parameter] for index in elements)
