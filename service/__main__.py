"""How does a command begin and end? At Ctrl-C quietly, from its first moment to its last."""

import sys

from service.cli import interrupts


def main() -> None:
    """Run the command line of this process."""
    interrupts.end_at_once()
    try:
        # Importing it takes a tenth of a second, and an interrupt may come in the midst of that.
        from service import command_line

        interrupts.are_raised()
        command_line.main()
    except KeyboardInterrupt:
        sys.exit(interrupts.EXIT_CODE)
    finally:
        # What is left is to leave.
        interrupts.end_at_once()


if __name__ == "__main__":
    main()
