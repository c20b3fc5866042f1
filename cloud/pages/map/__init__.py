"""The map: who sends what to whom, as a drawing and as a table."""
