"""Virtual environments as a whole: what stands at a path, taking it aside, making it anew."""
