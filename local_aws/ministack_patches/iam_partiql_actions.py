"""Permissions of PartiQL for the local AWS: as on AWS, `BatchExecuteStatement` is no action of its own; each statement is
allowed by `dynamodb:PartiQLInsert`, `PartiQLUpdate`, `PartiQLDelete` or `PartiQLSelect` on its table."""

import json
import re

STATEMENT = re.compile(r'\s*(INSERT\s+INTO|UPDATE|DELETE\s+FROM|SELECT\b.*?\bFROM)\s+"?([\w.-]+)"?', re.IGNORECASE | re.DOTALL)
CALLS = {"dynamodb:BatchExecuteStatement", "dynamodb:ExecuteStatement", "dynamodb:ExecuteTransaction"}


def install():
    """Makes the local AWS ask for the statements' own actions."""
    from ministack.core import iam_actions

    others = iam_actions.dynamodb_transaction_checks

    def checks(iam_action, body, region, account_id):
        if iam_action not in CALLS:
            return others(iam_action, body, region, account_id)
        return [
            (action, f"arn:aws:dynamodb:{region}:{account_id}:table/{table}") for action, table in actions(json.loads(body))
        ]

    iam_actions.dynamodb_transaction_checks = checks


def actions(request):
    """Action and table of each statement of a request, each pair once; what cannot be read is allowed by no role."""
    listed = request.get("Statements") or request.get("TransactStatements") or [request]
    found = {}
    for one in listed:
        match = STATEMENT.match(one.get("Statement", ""))
        word = match[1].split()[0].capitalize() if match else "Unreadable"
        found[f"dynamodb:PartiQL{word}", match[2] if match else "unreadable"] = None
    return list(found)
