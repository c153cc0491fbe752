"""Tables of plain text."""

import pytest

from pyqsim.text_table import aligned, markdown


def test_columns_are_as_wide_as_their_widest_entry():
    assert aligned(("a", "bb"), [("xxx", "1"), ("y", "222")]).splitlines() == [
        "a     bb",
        "---  ---",
        "xxx    1",
        "y    222",
    ]


def test_two_left_columns_and_no_rows():
    assert aligned(("a", "b"), [("1", "22")], left=2) == "a  b\n-  --\n1  22"
    assert markdown(("a", "b"), []) == "| a | b |\n|:--|--:|"


def test_a_row_of_another_length_is_a_mistake():
    with pytest.raises(ValueError, match="argument"):
        aligned(("a", "b"), [("1",)])
