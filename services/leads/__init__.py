"""Customers, and later the leads that become their opportunities."""
