"""SendGrid's stand-in that holds each mail against the service's own schema too, where that is there."""

import json
from pathlib import Path

from tools.local.sendgrid_standin import SendGridStandIn

SCHEMA = Path(__file__).parents[2] / "shared" / "data" / "sendgrid" / "mail_send_schema.json"


class OfficialSendGrid(SendGridStandIn):
    def problems(self, body):
        return super().problems(body) or (list(_errors(body)) if SCHEMA.exists() else [])


def _errors(body):
    import jsonschema

    validator = jsonschema.Draft7Validator(_without_references(json.loads(SCHEMA.read_text())))
    for error in validator.iter_errors(body):
        yield error.message, ".".join(str(step) for step in error.absolute_path) or None


def _without_references(schema):
    """The schema without its `$ref`s: SendGrid's file refers to parts that it does not contain."""
    if isinstance(schema, dict):
        return {name: _without_references(value) for name, value in schema.items() if name != "$ref"}
    return [_without_references(value) for value in schema] if isinstance(schema, list) else schema
