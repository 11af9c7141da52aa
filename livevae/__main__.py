"""`python -m livevae` is the command line."""

import sys

from livevae.cli import main

sys.exit(main())
