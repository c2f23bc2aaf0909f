"""Planners: from a request to a plan."""
