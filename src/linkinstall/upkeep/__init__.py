"""Keeping a cache: what it holds and who uses it, whether it is sound, and what can go."""
