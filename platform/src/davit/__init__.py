"""Davit's shared library: what every operator needs and none should write twice."""
