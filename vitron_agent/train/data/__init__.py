"""Builders of training data."""
