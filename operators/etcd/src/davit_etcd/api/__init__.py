"""The operator's custom resources: the one source of their CRDs."""
