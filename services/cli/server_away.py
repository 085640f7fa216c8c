"""The refusal of a server that cannot be asked."""


class ServerAway(Exception):
    """Nobody there who could do the work."""
