"""The OpenAPI 3.1 document of every operation, and its page for people.

Invariant: made from the `Operation`s that are served, never written by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from room_server.http.needs import SCHEMES
from room_server.http.operations import FORM, HTML, JSON, Operation, Reply
from room_server.http.problem import CONTENT_TYPE, Problem

_REF = "#/components/schemas/{model}"
_TEXT = {"type": "string"}


def document(operations: Iterable[Operation], version: str) -> dict[str, Any]:
    """Return the whole document, ready for JSON."""
    served = list(operations)
    models = {model for operation in served for model in _models(operation)} | {Problem}
    _, schemas = models_json_schema(
        [(model, "serialization") for model in sorted(models, key=lambda model: model.__name__)],
        ref_template=_REF,
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in served:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "room-server",
            "version": version,
            "description": "Accounts, teams, joining rooms. What happens inside a room goes over Socket.IO.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {"schemas": schemas["$defs"], "securitySchemes": SCHEMES},
    }


def _models(operation: Operation) -> list[type[BaseModel]]:
    replies = [reply.model for reply in operation.replies.values() if reply.model is not None]
    return replies + [model for model in (operation.body, operation.form) if model is not None]


def _operation(operation: Operation) -> dict[str, Any]:
    said: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": operation.needs.security,
        "x-needs": operation.needs.value,
        "responses": {
            **{str(status): _reply(reply) for status, reply in operation.replies.items()},
            **{str(status): _refusal(codes, operation) for status, codes in operation.all_refusals.items()},
        },
    }
    if operation.description:
        said["description"] = operation.description
    if parameters := _parameters(operation):
        said["parameters"] = parameters
    if operation.body is not None:
        said["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(operation.body)}}}
    elif operation.form is not None:
        said["requestBody"] = {"required": True, "content": {FORM: {"schema": _ref(operation.form)}}}
    elif operation.text_body is not None:
        said["requestBody"] = {"required": True, "content": {operation.text_body: {"schema": _TEXT}}}
    return said


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    places = {"path": operation.parameters, "query": operation.query, "header": operation.headers}
    return [
        {"name": name, "in": place, "required": place == "path", "description": text, "schema": _TEXT}
        for place, named in places.items()
        for name, text in named.items()
    ]


def _reply(reply: Reply) -> dict[str, Any]:
    said: dict[str, Any] = {"description": reply.description}
    if reply.headers:
        said["headers"] = {
            name: {"description": text, "schema": _TEXT} for name, text in reply.headers.items()
        }
    if reply.content_type is not None:
        schema = _ref(reply.model) if reply.model is not None else {"type": "string"}
        if reply.model is None and reply.content_type == JSON:
            schema = {"type": "object"}
        said["content"] = {reply.content_type: {"schema": schema}}
    return said


def _refusal(codes: tuple[str, ...], operation: Operation) -> dict[str, Any]:
    schema = {"allOf": [_ref(Problem), {"properties": {"code": {"enum": list(codes)}}}]}
    content: dict[str, Any] = {CONTENT_TYPE: {"schema": schema}}
    if any(reply.content_type == HTML for reply in operation.replies.values()):
        content[HTML] = {"schema": _TEXT}
    return {"description": ", ".join(codes), "content": content}


def _ref(model: type[BaseModel]) -> dict[str, Any]:
    return {"$ref": _REF.format(model=model.__name__)}
