"""Data types: all that were seen, and where each of them is and goes."""
