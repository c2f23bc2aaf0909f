"""Backends of the embedded profile: CPU, weights from ordinary package indexes."""
