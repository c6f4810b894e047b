#!/bin/sh
# Starts this pod's Sentinel. It begins without a master: redis.sh tells it, and the others when asked.
set -eu
. /scripts/lib.sh

# ready.sh looks anew.
rm -f /data/whole

# Sentinel keeps what it knows in its file, so it is written once.
if [ ! -s /data/sentinel.conf ]; then
  until own=$(address "$POD_NAME"); do
    echo "waiting for the address of Service $POD_NAME"
    sleep 1
  done
  {
    cat /scripts/sentinel.conf
    echo "sentinel announce-ip $own"
    echo "sentinel announce-port 26379"
    # Fixed: a replaced pod is the same Sentinel, not one more whose votes are missing.
    echo "sentinel myid $(printf %s "$POD_NAME" | sha1sum | cut -c1-40)"
    echo "requirepass $REDIS_PASSWORD"
    echo "sentinel sentinel-pass $REDIS_PASSWORD"
  } > /data/sentinel.conf.new
  mv /data/sentinel.conf.new /data/sentinel.conf
fi
exec redis-server /data/sentinel.conf --sentinel
