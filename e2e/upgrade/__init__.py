"""Upgrades of etcd, and of the operator above running clusters."""
