"""What the two monitoring operators share: the types of monitoring.coreos.com and how they become configuration. Pure."""
