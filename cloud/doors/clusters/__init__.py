"""Where clusters come in: who may send, how much, and what is taken from them."""
