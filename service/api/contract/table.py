"""Which documentation does each handler have?"""

from collections.abc import Mapping

from service.api.contract import (
    api_keys,
    configs,
    documents,
    events,
    reference_data,
    results,
    runs,
    webhooks,
)
from service.api.contract.operation import Operation
from service.api.routes import Handler

OPERATIONS: Mapping[Handler, Operation] = {
    **reference_data.OPERATIONS,
    **documents.OPERATIONS,
    **configs.OPERATIONS,
    **runs.OPERATIONS,
    **results.OPERATIONS,
    **events.OPERATIONS,
    **api_keys.OPERATIONS,
    **webhooks.OPERATIONS,
}
