"""Are mappings on the command line read as the API takes them, and refused with what is wrong?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli import mappings
from service.domain.errors import InvalidInputError

READ = [
    (
        "vendor_name=name:fuzzy:0.4",
        {"source": "vendor_name", "target": "name", "strategy": "fuzzy", "weight": 0.4},
    ),
    (
        "amount=total:numeric_range:1:tolerance_percent=2:flat=true",
        {
            "source": "amount",
            "target": "total",
            "strategy": "numeric_range",
            "weight": 1.0,
            "tolerance_percent": 2,
            "flat": True,
        },
    ),
    (
        "a b=c d:fuzzy:2:scorer=token_sort",
        {
            "source": "a b",
            "target": "c d",
            "strategy": "fuzzy",
            "weight": 2.0,
            "scorer": "token_sort",
        },
    ),
]


@pytest.mark.parametrize(("spec", "mapping"), READ)
def test_a_mapping_is_read_and_written_back(spec: str, mapping: dict[str, object]) -> None:
    assert mappings.read([spec]) == [mapping]
    assert mappings.read([mappings.write(mapping)]) == [mapping]


@given(names=st.tuples(*[st.text(st.sampled_from(r"ab :=\\'"), min_size=1)] * 2))
def test_a_name_with_any_sign_is_read_as_it_was_written(names: tuple[str, str]) -> None:
    mapping: dict[str, object] = {
        "source": f"s{names[0]}",
        "target": f"t{names[1]}",
        "strategy": "exact",
        "weight": 1.0,
    }
    assert mappings.read([mappings.write(mapping)]) == [mapping]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("vendor", "write it as SOURCE=TARGET"),
        ("=name:fuzzy:1", "write it as SOURCE=TARGET"),
        ("vendor=name", "write it as SOURCE=TARGET"),
        ("vendor=name:fuzzy", "write it as SOURCE=TARGET"),
        ("vendor=name:fuzzy:much", "the weight 'much' is no number"),
        ("vendor=name:fuzzy:1:scorer", "write the option 'scorer' as NAME=VALUE"),
    ],
)
def test_what_cannot_be_read_is_quoted_with_the_reason(spec: str, reason: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        mappings.read(["a=b:exact:1", spec])
    assert f"--map {spec}" in str(refused.value)
    assert reason in str(refused.value)
