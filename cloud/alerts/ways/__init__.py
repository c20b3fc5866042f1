"""The ways out: each puts a message into one form and hands it to a receiver."""
