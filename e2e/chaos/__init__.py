"""Faults of the operator itself: stopped, killed in the middle of a step, two at once."""
