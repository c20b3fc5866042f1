"""Pages of policies and of what breaks them."""
