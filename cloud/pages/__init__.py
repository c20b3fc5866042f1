"""The pages: what people see of the store, as HTML and JSON."""
