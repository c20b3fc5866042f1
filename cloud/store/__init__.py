"""The store: packages in, rows out; it knows no door and no page."""
