"""Capture files through the same core: what `vethscope replay` does."""
