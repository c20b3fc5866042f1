"""Where people come in: connections, the front door and what stands before it."""
