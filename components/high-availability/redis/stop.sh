#!/bin/sh
# Before this pod ends, a master hands over: in two seconds and without a lost write. To detect a lost one takes seven.
set -eu
. /scripts/lib.sh

[ "$(redis role | head -n 1)" = master ] || exit 0
own=$(address "$POD_NAME")
# Writes wait from now on, so that none is acknowledged that the successor might not have.
redis client pause 20000 write
hand_over || redis client unpause
