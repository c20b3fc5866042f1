"""Today: what is new since somebody was last here, and what to do about it."""
