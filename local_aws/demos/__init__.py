"""The demonstrations of `make demo`, `make demo-csv` and `make demo-events`, and the data that they generate."""
