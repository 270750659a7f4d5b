"""Is a result that somebody should look at told from one that is certain?"""

import msgspec
import pytest

from service.domain.configs import AiOptions, MatchingRules
from service.domain.identifiers import ReferenceRowId
from service.domain.results import Candidate, DocumentMatch

RULES = MatchingRules(
    field_mappings=(), threshold=0.8, review_threshold=0.5, ai=AiOptions(min_margin=0.03)
)


@pytest.mark.parametrize(
    ("confidences", "uncertain"),
    [
        ((), False),
        ((0.4999,), False),
        ((0.5,), True),
        ((0.7999, 0.1), True),
        ((0.8, 0.1), False),
        ((0.8,), False),
        ((0.9, 0.9), True),
        ((0.9, 0.8701), True),
        # The difference of the two floats is a little less than 0.03.
        ((0.9, 0.87), False),
    ],
)
def test_what_is_nearly_a_match_or_has_a_close_second_is_uncertain(
    confidences: tuple[float, ...], uncertain: bool
) -> None:
    candidates = tuple(
        Candidate(ReferenceRowId(f"row_{place}"), confidence, msgspec.Raw(b"{}"))
        for place, confidence in enumerate(confidences)
    )
    assert DocumentMatch(candidates, ()).is_uncertain(RULES) is uncertain
