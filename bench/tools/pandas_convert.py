"""Converts with pandas, one file per chunk of 10,000 lines, as pipelines for GH Archive do: IN OUT keep|drop."""

import json
import sys
from pathlib import Path

import pandas as pd

source, output, payload = sys.argv[1:]
CHUNK_LINES = 10_000

for number, chunk in enumerate(pd.read_json(source, lines=True, chunksize=CHUNK_LINES, compression="gzip")):
    if payload == "keep":
        chunk["payload"] = chunk["payload"].map(json.dumps)
    else:
        chunk = chunk.drop(columns="payload")
    path = Path(output)
    chunk.to_parquet(path.with_name(f"{path.stem}-{number:05}.parquet"), index=False)
