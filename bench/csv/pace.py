"""How well a load keeps its write rate: chunks of one load at once, their items counted by the table, on a local AWS.

    .tools/local/bin/python bench/csv/pace.py --max-wcu 400 --rows 8000
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from local_aws.stack.aws import LocalAws  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description="The write rate of a load next to its ceiling.")
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
    print(f"{seen[-1][1]:,} items of a write unit each in {last[0] - first[0]:.1f} s: {rate:.0f} a second, {rate / options.max_wcu - 1:+.1%} of {options.max_wcu}")


def watched(sfn, dynamodb, arn, table):
    """Seconds and items, ten times a second until the execution ends."""
    seen, began = [], time.monotonic()
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
