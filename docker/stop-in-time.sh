#!/bin/sh
# stop-in-time COMMAND...: run a worker so that a stop ends before the container's patience does.
#
# On SIGTERM Celery waits for the jobs that run, however long they take. What still runs after
# 20 s is given back with SIGQUIT, and another worker has it at once. Were it killed with the
# container, it would wait for the end of its lease, and the attempt would count.
set -u
"$@" &
worker=$!

stop() {
  trap '' TERM INT
  kill -TERM "$worker"
  { sleep 20 && kill -QUIT "$worker"; } &
}
trap stop TERM INT

# A signal ends `wait` too: only when the process is gone has it said how the worker ended.
while
  wait "$worker"
  status=$?
  kill -0 "$worker" 2>/dev/null
do :; done
exit "$status"
