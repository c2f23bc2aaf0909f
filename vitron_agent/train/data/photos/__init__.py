"""Samples from folders of photos: what is on them, and their things cut out and pasted on one another."""
