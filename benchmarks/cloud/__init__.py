"""What the cloud costs, on traffic of its own generator."""
