"""The IAM actions of PartiQL statements."""

import pytest

from local_aws.ministack_patches.iam_partiql_actions import statement_actions


@pytest.mark.parametrize(
    ("statement", "action", "table"),
    [
        ("INSERT INTO \"claims\" VALUE {'id': ?}", "dynamodb:PartiQLInsert", "claims"),
        ('UPDATE "claims" SET "a"=? WHERE "id"=?', "dynamodb:PartiQLUpdate", "claims"),
        ("delete from claims where id = ?", "dynamodb:PartiQLDelete", "claims"),
        ('SELECT a, b FROM "claims" WHERE id = ?', "dynamodb:PartiQLSelect", "claims"),
        ("EXISTS(…)", "dynamodb:PartiQLUnreadable", "unreadable"),
    ],
)
def test_statement_has_its_own_action(statement: str, action: str, table: str) -> None:
    assert statement_actions({"Statement": statement}) == [(action, table)]
    assert statement_actions({"Statements": [{"Statement": statement}, {"Statement": statement}]}) == [(action, table)]
