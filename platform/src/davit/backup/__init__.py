"""Backups to object storage, for every operator's engine: store, catalog, retention, schedule, the agent's Job."""
