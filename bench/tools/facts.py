"""Prints facts of the Parquet files of a folder as JSON: FOLDER exact|caseless|none (payload comparison).

The facts do not depend on the order of rows or on their distribution over files.
"""

from __future__ import annotations

import json
import sys

import duckdb

folder, payload = sys.argv[1:]
database = duckdb.connect()
database.execute("SET TimeZone = 'UTC'")
database.execute(f"CREATE VIEW rows AS FROM read_parquet('{folder}/**/*.parquet', union_by_name = true)")


def one(query: str) -> list[str]:
    row = database.execute(query).fetchone()
    assert row
    return [str(value) for value in row]


# Tools differ: a missing organisation is null or empty, an id is a number or text.
CONTENTS = """hash(CAST(id AS VARCHAR), type, actor.id, actor.login, actor.avatar_url, repo.id, repo.name, repo.url,
    coalesce(org.login, ''), public, epoch_us(created_at))"""
facts = {
    "rows": one("SELECT count(*) FROM rows"),
    "rows by type": database.execute("SELECT type, count(*) FROM rows GROUP BY ALL ORDER BY ALL").fetchall(),
    "distinct actors and repositories": one("SELECT count(DISTINCT actor.id), count(DISTINCT repo.id) FROM rows"),
    "contents": one(f"SELECT bit_xor({CONTENTS}), sum({CONTENTS} % 1000003) FROM rows"),
}
for fact, text in (("exact", "CAST(payload AS VARCHAR)"), ("caseless", "lower(CAST(payload AS VARCHAR))")):
    if payload in ("exact", fact):
        facts[f"payload, {fact}"] = one(f"SELECT bit_xor(hash({text})), sum(length({text})) FROM rows")
json.dump(facts, sys.stdout)
