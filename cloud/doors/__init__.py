"""The doors: who may come in, and what is taken from them."""
