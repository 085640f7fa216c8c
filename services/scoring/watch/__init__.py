"""What time and new facts change about scores is said once, as events."""
