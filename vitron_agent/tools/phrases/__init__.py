"""Noun phrases: what they name, and which of several instances they mean."""
