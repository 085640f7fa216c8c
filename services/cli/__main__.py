"""The `pulsetrail` command."""

import gc
import sys

from services.cli.arguments import with_common_options_first


def main() -> None:
    gc.set_threshold(100_000, 20, 100)  # what is loaded now stays: looked through in vain
    from services.cli.commands import app

    app(args=with_common_options_first(sys.argv[1:]), prog_name="pulsetrail")


if __name__ == "__main__":
    main()
