"""From resources to configuration. Pure."""
