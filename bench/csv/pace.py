"""Measures the write rate of a load whose chunks run in parallel on a local AWS, by the table's item count.

.tools/local/bin/python bench/csv/pace.py --max-wcu 400 --rows 8000
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from local_aws.stack.aws import LocalAws  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares the write rate of a load with its limit.")
    parser.add_argument("--max-wcu", type=int, default=400)
    parser.add_argument("--rows", type=int, default=8_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalAws(folder) as aws:
        aws.stack = "csv-load"
        outputs = aws.deploy({"CsvChunkRows": options.rows // 4}, template=ROOT / "sam/csv-load.yaml")
        s3, sfn, dynamodb = aws.client("s3"), aws.client("stepfunctions"), aws.client("dynamodb")
        body = "id,n\n" + "".join(f"{number},{number}\n" for number in range(options.rows))
        s3.put_object(Bucket=outputs["UploadBucketName"], Key="incoming/pace.csv", Body=body.encode())
        request = {"bucket": outputs["UploadBucketName"], "key": "incoming/pace.csv", "max_wcu": options.max_wcu}
        arn = sfn.start_execution(stateMachineArn=outputs["CsvLoadStateMachineArn"], input=json.dumps(request))["executionArn"]
        seen = watched(sfn, dynamodb, arn, outputs["CsvTableName"])
    first, last = next(one for one in seen if one[1] > 0), next(one for one in seen if one[1] == seen[-1][1])
    rate = (last[1] - first[1]) / (last[0] - first[0])
    seconds, excess = last[0] - first[0], rate / options.max_wcu - 1
    print(f"{seen[-1][1]:,} items of one write unit in {seconds:.1f} s: {rate:.0f} per second, {excess:+.1%} of {options.max_wcu}")


def watched(sfn: Any, dynamodb: Any, arn: str, table: str) -> list[tuple[float, int]]:
    """Returns (seconds, items), measured ten times a second until the execution ends."""
    seen: list[tuple[float, int]] = []
    began = time.monotonic()
    while True:
        ended = sfn.describe_execution(executionArn=arn)["status"] != "RUNNING"
        try:
            items = dynamodb.describe_table(TableName=table)["Table"]["ItemCount"]
        except dynamodb.exceptions.ResourceNotFoundException:
            items = 0
        seen.append((time.monotonic() - began, items))
        if ended:
            return seen
        time.sleep(0.1)


if __name__ == "__main__":
    main()
