"""Clusters for people and tests: an existing one, kind, or plain processes on this machine."""
