"""Rejects queries that DuckDB runs and Trino does not, as far as they are likely mistakes.

These are: an alias of the select list in WHERE, GROUP BY or HAVING; text compared with a number; DuckDB's `::`, QUALIFY, GROUP BY ALL
and table functions.

AWS: https://docs.aws.amazon.com/athena/latest/ug/select.html
"""

from sqlglot import Token, TokenType, exp
from sqlglot.optimizer.scope import Scope, traverse_scope, walk_in_scope

from local_aws.ministack_patches.athena.columns import names_of, owner, sources
from local_aws.ministack_patches.athena.model import StatementError
from local_aws.ministack_patches.athena.scan import Scans

COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
TEXT_TYPES = ("string", "varchar", "char")
NUMBER_TYPES = ("tinyint", "smallint", "int", "integer", "bigint", "float", "double", "decimal")


def reject_duckdb_syntax(tokens: list[Token], tree: exp.Expr) -> None:
    for token in tokens:
        if token.token_type in (TokenType.DCOLON, TokenType.QUALIFY):
            raise StatementError(f"SYNTAX_ERROR: line {token.line}:{token.col}: mismatched input '{token.text}'")
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise StatementError(f"FUNCTION_NOT_FOUND: Table function '{table.this.name or table.this.key}' is not registered")
    if any(group.args.get("all") for group in tree.find_all(exp.Group)):
        raise StatementError("SYNTAX_ERROR: Trino does not have GROUP BY ALL")


def check_columns(tree: exp.Expr, scans: Scans) -> None:
    """Checks the names and types of the columns in every SELECT."""
    for scope in traverse_scope(tree):
        if isinstance(scope.expression, exp.Select):
            check_aliases(scope, scans)
            check_types(scope, scans)


def check_aliases(scope: Scope, scans: Scans) -> None:
    """Trino resolves WHERE, GROUP BY and HAVING before the select list. DuckDB accepts its aliases there."""
    known = set[str]()
    for source in sources(scope).values():
        names = names_of(source, scans)
        if names is None:
            return
        known |= names
    select = scope.expression
    aliases = {one.alias.lower() for one in select.expressions if isinstance(one, exp.Alias)} - known
    for clause in ("where", "group", "having"):
        for node in walk_in_scope(select.args[clause]) if select.args.get(clause) else ():
            if isinstance(node, exp.Column) and not node.table and node.name.lower() in aliases:
                raise StatementError(f"COLUMN_NOT_FOUND: Column '{node.name}' cannot be resolved")


def check_types(scope: Scope, scans: Scans) -> None:
    """Trino does not compare text with numbers. DuckDB casts."""
    for node in walk_in_scope(scope.expression):
        if isinstance(node, COMPARISONS):
            sides = [node.this, node.expression]
        elif isinstance(node, exp.In):
            sides = [node.this, *node.expressions]
        elif isinstance(node, exp.Between):
            sides = [node.this, node.args["low"], node.args["high"]]
        else:
            continue
        groups = {type_group(side, scope, scans) for side in sides} - {None}
        if len(groups) > 1:
            raise StatementError(f"TYPE_MISMATCH: Cannot apply operator: varchar and number in {node.sql('trino')}")


def type_group(node: exp.Expr, scope: Scope, scans: Scans) -> str | None:
    """`text` or `number`; None for other types and for expressions."""
    node = node.unnest()
    if isinstance(node, exp.Literal):
        return "text" if node.is_string else "number"
    table = owner(node, scope, scans) if isinstance(node, exp.Column) else None
    column = next((one for one in table.columns + table.keys if one.name == node.name.lower()), None) if table else None
    if column is None:
        return None
    base = column.type.lower().split("(")[0]
    return "text" if base in TEXT_TYPES else "number" if base in NUMBER_TYPES else None
