"""Implementations of the experts."""
