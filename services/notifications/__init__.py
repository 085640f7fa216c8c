"""Signals on their way to people: policies, escalations, messages, attempts."""
