"""A role needs the action of each PartiQL statement, as on AWS."""

import pytest
from local_aws.ministack_patches.iam_partiql_actions import actions


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
def test_each_statement_has_its_action(statement, action, table):
    assert actions({"Statement": statement}) == [(action, table)]
    assert actions({"Statements": [{"Statement": statement}, {"Statement": statement}]}) == [(action, table)]
