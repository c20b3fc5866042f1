"""The address service under load."""
