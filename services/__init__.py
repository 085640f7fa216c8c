"""The services, each on its own, and the hosts that put them together."""
