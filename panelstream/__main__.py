"""`python -m panelstream`: the command, where it is not on the path."""

from panelstream.flows.cli import main

main()
