"""The pages of coverage: what was read of the bytes, when, and where."""
