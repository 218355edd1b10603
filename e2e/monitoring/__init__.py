"""Prometheus and Alertmanager on a cluster: edit to live, quarantine, what is scraped and who is notified."""
