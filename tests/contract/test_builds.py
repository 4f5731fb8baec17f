"""Tests and binaries share one build of the AWS SDK, which takes minutes.

Cargo builds a crate again for every other set of features, and all that depends on it. What the tests' own dependencies turn on
in a crate beneath the SDK must therefore be on for the binaries too: by a dependency of a crate that every function has.
"""

from __future__ import annotations

import subprocess

from local_aws.stack import build
from project import ROOT


def features(*arguments: str) -> dict[str, str]:
    """Each crate of a dependency tree, with its version, and the features that it is built with."""
    command = ["cargo", "tree", "--locked", "--prefix", "none", "--format", "{p}|{f}", *arguments]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return dict(line.removesuffix(" (*)").split("|") for line in lines if line)


def test_no_crate_beneath_the_sdk_has_other_features_in_tests() -> None:
    packages = [argument for package in build.packages() for argument in ("--package", package)]
    binaries = features("--edges", "normal,no-proc-macro", *packages)
    tests = features("--edges", "normal,dev,no-proc-macro", "--workspace")
    beneath = features("--edges", "normal,no-proc-macro", "--package", "aws-config", "--package", "aws-sdk-s3", "--package", "aws-sdk-dynamodb")
    assert "aws-smithy-runtime" in {crate.split()[0] for crate in beneath}
    differing = {crate: (binaries[crate], tests[crate]) for crate in beneath if binaries[crate] != tests[crate]}
    assert not differing, "with these features in binaries and in tests"
