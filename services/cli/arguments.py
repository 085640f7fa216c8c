"""Options that every command understands may stand anywhere on the line."""

from collections.abc import Sequence

DEFAULT_TENANT = "default"

_WITH_VALUE = ("--data", "--tenant", "--url", "--token")
_WITHOUT_VALUE = ("--json",)


def with_common_options_first(arguments: Sequence[str]) -> list[str]:
    """The same line with the common options in front, where the command group reads them."""
    common: list[str] = []
    others: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            others += [argument, *waiting]
            break
        if argument in _WITH_VALUE and waiting:
            common += [argument, waiting.pop(0)]
        elif argument in _WITHOUT_VALUE or argument.startswith(
            tuple(f"{name}=" for name in _WITH_VALUE)
        ):
            common.append(argument)
        else:
            others.append(argument)
    return [*common, *others]
