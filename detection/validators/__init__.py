"""What tells a value of its kind from any other text: numbers, countries, tokens."""
