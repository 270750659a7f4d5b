"""Are warnings sentences, the same as on the page?"""

import re
from pathlib import Path

from service.cli import warnings

PAGE = (Path(__file__).parents[3] / "service/ui/static/warnings.js").read_text()


def test_every_warning_of_the_page_is_a_sentence_here_with_the_same_advice() -> None:
    assert set(re.findall(r"^  (\w+): \{$", PAGE, re.MULTILINE)) == warnings.WORDS.keys()
    for words in warnings.WORDS.values():
        assert f'act: "{words.act}"' in PAGE
        assert f'sample: "{words.sample}"' in PAGE


def test_a_warning_is_told_with_its_count_and_sample_and_an_unknown_one_as_it_is() -> None:
    known = {"code": "unreadable_document_value", "count": 1200, "sample": "due: 31.02. (A)"}
    told = warnings.worded(known)
    assert told.startswith("1,200 values in the documents could not be read as the date or number")
    assert told.endswith("compare that field as text. One of them: due: 31.02. (A)")
    assert warnings.worded({**known, "code": "new"}) == "new (1200): due: 31.02. (A)"
