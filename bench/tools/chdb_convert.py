"""Converts with ClickHouse in the process, one thread, with a schema: IN OUT keep|drop."""

import sys

import chdb

source, output, payload = sys.argv[1:]
COLUMNS = [
    "id String",
    "type String",
    "actor Tuple(id Int64, login String, display_login String, gravatar_id String, url String, avatar_url String)",
    "repo Tuple(id Int64, name String, url String)",
    "org Tuple(id Int64, login String, gravatar_id String, url String, avatar_url String)",
    "public Bool",
    "created_at DateTime64(6, 'UTC')",
]
if payload == "keep":
    COLUMNS.append("payload String")
SETTINGS = {
    "max_threads": 1,
    "max_insert_threads": 1,
    "max_parsing_threads": 1,
    "input_format_json_read_objects_as_strings": 1,
    "input_format_skip_unknown_fields": 1,
    "input_format_json_ignore_unknown_keys_in_named_tuple": 1,
    "input_format_json_defaults_for_missing_elements_in_named_tuple": 1,
    "date_time_input_format": "'best_effort'",
    "output_format_parquet_compression_method": "'snappy'",
    "output_format_parquet_string_as_string": 1,
}
structure = ", ".join(COLUMNS).replace("'", "\\'")
settings = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
chdb.query(
    f"INSERT INTO FUNCTION file('{output}', 'Parquet') "
    f"SELECT * FROM file('{source}', 'JSONEachRow', '{structure}', 'gzip') SETTINGS {settings}"
)
