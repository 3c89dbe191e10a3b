"""Benchmarks: each measures the product beside its limit in the same run, as rows of a table."""
