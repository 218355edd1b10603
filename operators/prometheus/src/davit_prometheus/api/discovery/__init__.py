"""The service discoveries of a ScrapeConfig, one module per family."""
