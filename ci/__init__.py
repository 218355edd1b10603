"""The platform's own tooling: local clusters, test images, pinned Go tools."""
