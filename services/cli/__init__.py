"""The `pulsetrail` command."""
