"""Each service behind its production wiring."""
