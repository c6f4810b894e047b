# What the scripts share. Tools: those of Redis's Alpine image; Debian's do as well.
# Files with the password are their owner's only.
umask 077
# For redis-cli, so that the password is no argument that others can read.
export REDISCLI_AUTH="$REDIS_PASSWORD"

group=${POD_NAME%-*}
pods="$group-0 $group-1 $group-2"

# The address of the Service of pod $1; fails while the name is not known.
address() {
  getent hosts "$1" | awk '{ print $1; exit }' | grep .
}

# A command to the Sentinel at host $1.
sentinel() {
  host=$1
  shift
  timeout 2 redis-cli -h "$host" -p 26379 sentinel "$@"
}

# The password as a word of a configuration file.
quoted() {
  printf '"%s"' "$(printf %s "$REDIS_PASSWORD" | sed 's/[\\"]/\\&/g')"
}
