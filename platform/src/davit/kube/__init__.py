"""Access to the Kubernetes API: a Protocol, its one adapter, and names and labels."""
