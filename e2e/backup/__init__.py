"""Backups and restores against a real MinIO over TLS."""
