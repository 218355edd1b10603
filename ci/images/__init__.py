"""Images for the local cluster and for tests, under their upstream names."""
