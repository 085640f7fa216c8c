"""Stories that people walk through in a real browser; `make walk` walks all of them."""
