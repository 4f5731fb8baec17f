"""IAM allows PartiQL statements by their own actions; ministack checks `dynamodb:BatchExecuteStatement`, which AWS does not have.

A statement needs `dynamodb:PartiQLInsert`, `PartiQLUpdate`, `PartiQLDelete` or `PartiQLSelect` on its table.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html
"""

import json
import re
from typing import Any

STATEMENT = re.compile(r'\s*(INSERT\s+INTO|UPDATE|DELETE\s+FROM|SELECT\b.*?\bFROM)\s+"?([\w.-]+)"?', re.IGNORECASE | re.DOTALL)
OPERATIONS = {"dynamodb:BatchExecuteStatement", "dynamodb:ExecuteStatement", "dynamodb:ExecuteTransaction"}


def install() -> None:
    """Makes the authorization of a PartiQL operation check each statement's action on its table."""
    from ministack.core import iam_actions

    checks_of_others = iam_actions.dynamodb_transaction_checks

    def checks(iam_action: str, body: bytes, region: str, account_id: str) -> Any:
        if iam_action not in OPERATIONS:
            return checks_of_others(iam_action, body, region, account_id)
        tables = f"arn:aws:dynamodb:{region}:{account_id}:table/"
        return [(action, tables + table) for action, table in statement_actions(json.loads(body))]

    iam_actions.dynamodb_transaction_checks = checks


def statement_actions(request: dict[str, Any]) -> list[tuple[str, str]]:
    """The distinct pairs of action and table in a request. A statement that cannot be parsed gets an action that no role allows."""
    statements = request.get("Statements") or request.get("TransactStatements") or [request]
    pairs: dict[tuple[str, str], None] = {}
    for statement in statements:
        match = STATEMENT.match(statement.get("Statement", ""))
        verb, table = (match[1].split()[0].capitalize(), match[2]) if match else ("Unreadable", "unreadable")
        pairs[f"dynamodb:PartiQL{verb}", table] = None
    return list(pairs)
