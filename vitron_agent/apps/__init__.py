"""Command line and other front ends."""
