"""What scores are looked up by, and what they rest on."""
