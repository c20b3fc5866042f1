"""Who is outside of the cluster: names, address ranges, countries, robots."""
