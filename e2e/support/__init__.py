"""The harness of the whole-system tests; imports nothing of the operators, so that it can judge them."""
