"""Pinned Go tools: one module each, built once per version."""
