import signal
import sys

# Ctrl-C during the imports ends this without a traceback; later, main handles it.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from live.cli import main

sys.exit(main())
