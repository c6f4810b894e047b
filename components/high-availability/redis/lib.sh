# What the scripts share. They need what is in Redis's Alpine image; Debian has the same.
# Files with the password are their owner's only.
umask 077
# For redis-cli, so that the password is no argument, which others could read.
export REDISCLI_AUTH="$REDIS_PASSWORD"

group=${POD_NAME%-*}
pods="$group-0 $group-1 $group-2"

# The address of Service $1; fails while it is not known.
address() {
  getent hosts "$1" | awk '{ print $1; exit }' | grep .
}

# A command to the Sentinel of pod $1; with -x its last word is read from standard input. Fails on an error reply.
sentinel() {
  pod=$1
  shift
  if [ "$1" = -x ]; then
    shift
    set -- -x sentinel "$@"
  else
    set -- sentinel "$@"
  fi
  timeout 2 redis-cli -e -h "$pod" -p 26379 "$@"
}

# The password as a word of a configuration file.
quoted() {
  printf '"%s"' "$(printf %s "$REDIS_PASSWORD" | sed 's/[\\"]/\\&/g')"
}
