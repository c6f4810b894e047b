import signal
import sys

# Ctrl-C while the rest is loaded ends this without a traceback; main takes it from there.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from live.cli import main

sys.exit(main())
