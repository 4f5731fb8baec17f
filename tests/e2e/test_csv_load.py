"""CSV files into DynamoDB: every row is an item, a duplicate, rejected or skipped, and the table has what Python's reader finds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conftest import ROOT
from csv_stack import CsvStack, expected
from local_aws import LocalAws


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CsvStack]:
    """The application by itself; chunks have 20 rows."""
    with LocalAws(tmp_path_factory.mktemp("aws")) as aws:
        aws.stack = "csv-load"
        outputs = aws.deploy({"CsvChunkRows": 20}, template=ROOT / "sam/csv-load.yaml")
        yield CsvStack(aws, outputs)


def test_an_upload_becomes_items_and_a_receipt(stack: CsvStack) -> None:
    rows = "".join(f'{number},"name {number}, ""quoted""",{number}.50\n' for number in range(55))
    body = f"id,name,price\n{rows}".encode()
    stack.put("raw/2025/first file.csv", body)
    run = stack.wait_for_event("raw/2025/first file.csv")
    assert run.status == "SUCCEEDED", run
    assert run.output["load"]["counts"] == expected(body).counts()
    assert stack.items("csv_items") == expected(body).items
    receipt = stack.receipt(run)
    assert [chunk["counts"]["read"] for chunk in receipt["chunks"]] == [20, 20, 15]
    [item] = [item for item in stack.raw_items("csv_items") if item["id"] == "7"]
    assert item["source_file"] == f"s3://{stack.bucket}/raw/2025/first file.csv"
    assert (item["load_id"], item["ingestion_timestamp"]) == (receipt["load_id"], receipt["ingestion_timestamp"])
    [line] = [line for line in stack.runs() if line["load_id"] == receipt["load_id"]]
    assert (line["status"], line["counts"]["written"]) == ("loaded", 55)
