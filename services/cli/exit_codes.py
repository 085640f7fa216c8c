"""What the shell is told when a command ends."""

DONE = 0
FOUND_SOMETHING = 1
WRONG_USAGE = 2
REFUSED = 3
AWAY = 4
INTERRUPTED = 130
