"""What `make demo`, `make demo-csv` and `make demo-events` run."""
