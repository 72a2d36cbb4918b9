#!/usr/bin/env bash
# Starts the server and lets schemathesis compare its answers with /openapi.json, then sends it
# nonsense of every kind. Ends with 0 if nothing was found.
#     bench/server/api.sh [REQUESTS]      how much nonsense; 10,000 by default
set -eu
cd "$(dirname "$0")/../.."
program=${DECIPHER:-target/release/decipher}
work=$(mktemp -d)
"$program" serve --port 0 >"$work/address" 2>"$work/log" &
server=$!
trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 100); do [ -s "$work/address" ] && break; sleep 0.1; done
address=$(cat "$work/address")

# The stream of news does not end, so it cannot be waited for. What the description allows may still
# be no picture or no recipe, hence the checks that are left out.
.venv/bin/schemathesis run "${address}openapi.json" --phases examples,coverage,fuzzing \
    --exclude-path /v1/runs/events --max-examples "${EXAMPLES:-15}" --request-timeout 20 --seed 1 \
    --exclude-checks unsupported_method,positive_data_acceptance --continue-on-failure --no-color
python3 bench/server/nonsense.py "$address" "${1:-10000}"
kill -TERM $server
wait $server
! grep -E "ERROR|panicked" "$work/log"
