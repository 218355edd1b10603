"""Benchmarks: timings side by side with a bare StatefulSet, printed as ratios, asserted nowhere."""
