"""The etcd operator's promises, one at a time."""
