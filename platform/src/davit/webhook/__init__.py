"""Validating admission inside an operator's process: `review` is the contract, `serving` puts all of it to work.

It fails open everywhere. What slips through is found again by the operator, which says so in the resource's status.
"""
