"""Integrations of every kind, as Alertmanager's configuration writes them. Pure."""
