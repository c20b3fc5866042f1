"""What the line costs from a worker's record to the cloud's row."""
