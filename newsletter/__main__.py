"""`python -m newsletter` is the console script by another name."""

from newsletter.cli import main

if __name__ == "__main__":
    main()
