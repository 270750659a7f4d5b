"""Does a text of an export stay one in a spreadsheet, whatever it divides cells by?"""

import pytest

from service.api.exports import harmless

WRITTEN = [
    ("=1+1", "'=1+1"),
    ("-2+3", "'-2+3"),
    ("\tAlpine", "'\tAlpine"),
    # Where cells are divided by another sign than ours, or a quotation mark is not heeded.
    ("Vega;=1+1;x", "Vega;'=1+1;x"),
    ("Vega,@SUM(A1)", "Vega,'@SUM(A1)"),
    ("Vega\n=1+1", "Vega\n'=1+1"),
    ("Vega\r\n+1;-2+cmd", "Vega\r\n'+1;'-2+cmd"),
    ("Vega|-A1(2)", "Vega|'-A1(2)"),
]
KEPT = ["", "-12.50", "1=1", "a-b; c=d", "1.250,-", "12,- €", "12,- EUR", "5;-3.5;x", "Vega, -5"]


@pytest.mark.parametrize(("text", "written"), WRITTEN)
def test_what_would_be_a_formula_is_marked_as_text(text: str, written: str) -> None:
    assert harmless(text) == written


@pytest.mark.parametrize("text", KEPT)
def test_what_would_be_none_is_left_alone(text: str) -> None:
    assert harmless(text) == text
