"""What looks wrong with a run before it begins, although it can be carried out?"""

from service.domain.configs import MatchingRules
from service.domain.names import nearest
from service.domain.runs import Run, RunWarning
from service.store import run_documents
from service.store.database import Connection

# How many fields a warning names.
MAX_NAMED = 5


async def foresee(
    connection: Connection, run: Run, rules: MatchingRules, documents: int
) -> list[RunWarning]:
    """Warn of a collection without documents, and of fields that none of them has."""
    if not documents:
        return [RunWarning("no_documents", 1, f"collection: {run.collection}")]
    sources = sorted({mapping.source for mapping in rules.field_mappings})
    unknown = await run_documents.unknown_fields(connection, run, sources)
    if not unknown:
        return []
    known = await run_documents.some_fields(connection, run)
    # One warning for all of them: a run's warnings are added up by code.
    named = "; ".join(_suggest(name, known) for name in unknown[:MAX_NAMED])
    return [RunWarning("field_not_found", documents, named)]


def _suggest(name: str, known: list[str]) -> str:
    near = nearest(name, known)
    return name if near is None else f"{name} (did you mean {near}?)"
