"""What does the stand-in say of a document? By a rule of thumb, or by a truth it was given."""

import json
import random
from collections.abc import Callable, Mapping
from typing import Any

# A document of the block as it came, to a decision without the document's number.
Policy = Callable[[Mapping[str, Any]], dict[str, Any]]


def by_score(least: float = 0.6) -> Policy:
    """Choose the candidate with the best score of the rules, if it is good enough."""

    def decide(document: Mapping[str, Any]) -> dict[str, Any]:
        best = max(document["candidates"], key=lambda each: each["score"])
        is_enough = best["score"] >= least
        return {
            "candidate": best["candidate"] if is_enough else "none",
            "confidence": 0.9 if is_enough else 0.8,
            "rationale": "The stand-in goes by the score of the rules alone.",
        }

    return decide


def fingerprint(fields: Mapping[str, Any]) -> str:
    """What is equal for equal known fields."""
    known = {name: str(value) for name, value in fields.items() if value not in (None, "")}
    return json.dumps(known, sort_keys=True)


def by_truth(truth: Mapping[str, frozenset[str]], accuracy: float = 1.0, seed: int = 0) -> Policy:
    """Choose the true candidate with the given accuracy, else another answer, wrong for sure.

    `truth` holds, by the fingerprint of a document, those of its true rows.
    """

    def decide(document: Mapping[str, Any]) -> dict[str, Any]:
        key = fingerprint(document["fields"])
        right = [
            each["candidate"]
            for each in document["candidates"]
            if fingerprint(each["fields"]) in truth.get(key, frozenset())
        ]
        # By the document alone, so that no order of requests changes an answer.
        draw = random.Random(f"{seed} {key}")
        answer = right[0] if right else "none"
        is_right = draw.random() < accuracy
        if not is_right:
            others = [each["candidate"] for each in document["candidates"]] + ["none"]
            answer = draw.choice([each for each in others if each != answer and each not in right])
        return {
            "candidate": answer,
            "confidence": 0.95 if is_right else 0.6,
            "rationale": "The stand-in knows the truth, more or less.",
        }

    return decide
