"""Whole-system tests on a real cluster: what a user would see, judged from outside the operators."""
