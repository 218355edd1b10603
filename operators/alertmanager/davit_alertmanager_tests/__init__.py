"""Tests of Davit's Alertmanager operator."""
