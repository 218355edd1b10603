"""Restores: which backup a reference means, and the controller of EtcdRestore."""
