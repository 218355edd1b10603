"""Tests of Davit's Prometheus operator."""
