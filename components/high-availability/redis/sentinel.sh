#!/bin/sh
# Starts this pod's Sentinel, without a master: redis.sh sets it.
set -eu
. /scripts/lib.sh

# ready.sh must check again.
rm -f /data/whole

# Sentinel saves its state in this file, so the script writes it only once.
if [ ! -s /data/sentinel.conf ]; then
  until own=$(address "$POD_NAME"); do
    echo "waiting for the address of Service $POD_NAME"
    sleep 1
  done
  {
    cat /scripts/sentinel.conf
    echo "sentinel announce-ip $own"
    echo "sentinel announce-port 26379"
    # Fixed, so that a replaced pod is the same Sentinel and not an additional one whose votes are missing.
    echo "sentinel myid $(printf %s "$POD_NAME" | sha1sum | cut -c1-40)"
    echo "requirepass $REDIS_PASSWORD"
    echo "sentinel sentinel-pass $REDIS_PASSWORD"
  } > /data/sentinel.conf.new
  mv /data/sentinel.conf.new /data/sentinel.conf
fi
exec redis-server /data/sentinel.conf --sentinel
