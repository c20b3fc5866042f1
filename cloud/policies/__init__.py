"""What data may flow where: rules as data, and what breaks them."""
