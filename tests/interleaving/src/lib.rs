//! Empty: this package consists of the tests in `tests/interleaving`.
