"""What Pulsetrail promises, as sentences."""
