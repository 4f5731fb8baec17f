"""A running ministack with the patches, and lakes in it."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aws.ministack_patches.athena.sample_lake import SampleLake
from local_aws.stack.aws import LocalAws


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with LocalAws(tmp_path_factory.mktemp("aws")) as running:
        yield running


@pytest.fixture
def lake(aws: LocalAws, tmp_path: Path) -> SampleLake:
    """An empty lake, after everything that other tests left is deleted."""
    urllib.request.urlopen(urllib.request.Request(f"{aws.endpoint}/_ministack/reset", method="POST")).close()
    return SampleLake(aws, tmp_path)


@pytest.fixture
def two_days(lake: SampleLake) -> SampleLake:
    """Registered hours: 2025-11-21-00 (2 rows), 2025-11-21-01 (3 rows) and 2025-12-01-00 (4 rows)."""
    for hour, rows in (("2025-11-21-00", 2), ("2025-11-21-01", 3), ("2025-12-01-00", 4)):
        lake.put_hour(hour, "v1", rows)
        lake.register(hour, "v1")
    return lake
