"""Tests and binaries share one build of the AWS SDK, which takes minutes.

Cargo builds a crate, and everything that depends on it, again for each set of features. If a test dependency enables a
feature in a dependency of the SDK, a crate that every function uses must enable it too.
"""

from __future__ import annotations

import subprocess

from local_aws.stack import build
from project import ROOT


def features(*arguments: str) -> dict[str, str]:
    """Returns the features of each crate of a dependency tree, by name and version."""
    command = ["cargo", "tree", "--locked", "--prefix", "none", "--format", "{p}|{f}", *arguments]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return dict(line.removesuffix(" (*)").split("|") for line in lines if line)


def test_sdk_dependencies_have_equal_features() -> None:
    packages = [argument for package in build.packages() for argument in ("--package", package)]
    binaries = features("--edges", "normal,no-proc-macro", *packages)
    tests = features("--edges", "normal,dev,no-proc-macro", "--workspace")
    beneath = features(
        "--edges", "normal,no-proc-macro", "--package", "aws-config", "--package", "aws-sdk-s3", "--package", "aws-sdk-dynamodb"
    )
    assert "aws-smithy-runtime" in {crate.split()[0] for crate in beneath}
    differing = {crate: (binaries[crate], tests[crate]) for crate in beneath if binaries[crate] != tests[crate]}
    assert not differing, "features in binaries and in tests differ"


def test_cli_convert_needs_no_aws_crate() -> None:
    crates = {crate.split()[0] for crate in features("--edges", "normal", "--package", "cli-convert")}
    # aws-lc is the cryptography of rustls, which has nothing to do with AWS's services.
    aws = {crate for crate in crates if crate.startswith("aws-") and not crate.startswith("aws-lc-")}
    assert "convert" in crates and not aws, aws
