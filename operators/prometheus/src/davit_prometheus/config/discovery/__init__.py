"""The service discoveries of a ScrapeConfig as Prometheus configures them, one module per family. Pure."""
