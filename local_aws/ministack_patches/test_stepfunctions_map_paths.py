"""The settings of a Distributed Map that come from paths."""

from local_aws.ministack_patches.stepfunctions_map_paths import with_resolved_paths


def test_map_paths_become_constant_fields() -> None:
    state = {"Type": "Map", "MaxConcurrencyPath": "$.a", "ToleratedFailureCountPath": "$.b"}
    resolved = with_resolved_paths(state, {"$.a": 3, "$.b": 5}.get)
    assert (resolved["MaxConcurrency"], resolved["ToleratedFailureCount"]) == (3, 5)


def test_map_without_paths_is_unchanged() -> None:
    state = {"Type": "Map", "MaxConcurrency": 2}
    assert with_resolved_paths(state, str) == state
