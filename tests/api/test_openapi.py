"""Does the description name every route and every error, and is it valid OpenAPI 3.1?"""

from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import openapi_spec_validator
import pytest
from starlette.routing import Route

from service.api.contract import openapi, problems
from service.api.contract.service_routes import OPEN_OPERATIONS
from service.api.contract.table import OPERATIONS
from service.api.errors import CODES_BY_STATUS, FAILURES
from service.api.routes import ENDPOINTS
from service.app import create_app
from service.settings import Settings


@pytest.fixture(scope="module")
def described() -> Any:
    """The description of all routes."""
    return openapi.document(ENDPOINTS)


def test_every_route_is_documented() -> None:
    missing = [f"{each.method} {each.path}" for each in ENDPOINTS if each.handler not in OPERATIONS]
    assert missing == [], (
        "These routes have no documentation: add an Operation under their handler in "
        "service/api/contract/<resource>.py (models of replies stand there too), list a new file "
        "in contract/table.py, and name new path parameters in contract/shared.py."
    )


def test_no_documentation_is_left_without_a_route() -> None:
    routed = {endpoint.handler for endpoint in ENDPOINTS}
    assert [
        operation.id for handler, operation in OPERATIONS.items() if handler not in routed
    ] == []


def test_every_route_that_needs_no_key_is_documented() -> None:
    app = create_app(Settings())
    routed = {route.path for route in app.routes if isinstance(route, Route)}
    shown = {
        route.path for route in app.routes if isinstance(route, Route) and route.include_in_schema
    }
    keyed = {endpoint.path for endpoint in ENDPOINTS}
    assert keyed <= routed
    assert shown - keyed == set(OPEN_OPERATIONS), (
        "Describe a route without a key in service/api/contract/service_routes.py, or give its "
        "Route include_in_schema=False when it is a page for people."
    )


def test_it_is_valid(described: Any) -> None:
    assert described["openapi"].startswith("3.1")
    openapi_spec_validator.validate(described)


def test_every_error_code_is_explained() -> None:
    assert set(problems.EXPLANATIONS) == set(FAILURES), (
        "Explain each code of service/api/errors.py in service/api/contract/problems.py."
    )
    assert set(CODES_BY_STATUS.values()) <= set(FAILURES)


def test_an_operation_has_an_id_of_its_own(described: Any) -> None:
    identifiers = [operation["operationId"] for operation in operations(described)]
    assert len(set(identifiers)) == len(identifiers)


def test_an_operation_is_told_in_words(described: Any) -> None:
    for operation in operations(described):
        assert operation["summary"]
        assert not operation["summary"].endswith(".")
        assert any(status.startswith("2") for status in operation["responses"])


def test_examples_fit_their_schemas(described: Any) -> None:
    schemas = described["components"]["schemas"]
    with_examples = {name: each for name, each in schemas.items() if "examples" in each}
    assert len(with_examples) > 10
    for name, schema in with_examples.items():
        for example in schema["examples"]:
            validator(described, {"$ref": f"#/components/schemas/{name}"}).validate(example)
    for example in described["components"]["examples"].values():
        problem = {"$ref": "#/components/schemas/Problem"}
        validator(described, problem).validate(example["value"])


def test_every_json_body_has_an_example(described: Any) -> None:
    schemas = described["components"]["schemas"]
    for operation in operations(described):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            continue
        named = schemas[content["schema"]["$ref"].rpartition("/")[2]]
        examples = [content["example"]] if "example" in content else named.get("examples", [])
        assert examples, f"{operation['operationId']}: give its Body an example"
        for example in examples:
            validator(described, content["schema"]).validate(example)


def validator(described: Any, schema: Any) -> jsonschema_rs.Draft202012Validator:
    """A validator of a schema that refers to the description's components."""
    whole = {**schema, "components": described["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)


def operations(described: Any) -> Iterator[Any]:
    """What is said of each operation."""
    for methods in described["paths"].values():
        yield from methods.values()
