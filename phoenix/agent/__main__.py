"""`python3 -m phoenix.agent COMMAND`, the same as the packed agent."""

import sys

from phoenix.agent.main import main

sys.exit(main(sys.argv[1:]))
