#!/bin/sh
# Starts redis-server with the given arguments; anything that is neither an option nor a configuration file is run as is.
set -eu

case "${1:-redis-server}" in
    redis-server) [ $# -eq 0 ] || shift ;;
    -* | *.conf) ;;
    *) exec "$@" ;;
esac

# As in the official image: a pod's network is guarded by network policies, and a password is an option.
case " $* " in
    *" --protected-mode "*) ;;
    *) set -- "$@" --protected-mode no ;;
esac
umask 0077
exec redis-server "$@"
