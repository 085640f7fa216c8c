"""The `pulsetrail` command."""

import sys

from services.cli.arguments import with_common_options_first


def main() -> None:
    from services.cli.commands import app

    app(args=with_common_options_first(sys.argv[1:]), prog_name="pulsetrail")


if __name__ == "__main__":
    main()
