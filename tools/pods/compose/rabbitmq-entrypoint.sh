#!/bin/sh
# Its volume may come from anybody; the server is never root.
set -eu
if [ "$(id -u)" = 0 ]; then
  chown -R rabbitmq: /var/lib/rabbitmq
  exec setpriv --reuid rabbitmq --regid rabbitmq --init-groups "$0" "$@"
fi
exec "$@"
