# shellcheck shell=bash
# Sourced by the scripts that call a provider through a host.

# call_through_host BACKPLANE NAME PROGRAM starts that backplane binary as a host
# of that one plugin, on a free port, and asks it for a chat in one piece and as a
# stream. It fails, with the host's log, if it does not get both answers.
call_through_host() {
  local dir host address='' answer='' streamed='' tries
  dir=$(mktemp -d)
  printf 'provider "%s" { path = "%s" }\nendpoint "only" { provider = "%s" }\n' "$2" "$3" "$2" |
    sed 's/{ \(.*\) }/{\n  \1\n}/' >"$dir/config.hcl"
  "$1" serve -config "$dir/config.hcl" -listen 127.0.0.1:0 -admin "unix:$dir/admin.sock" \
    >"$dir/out" 2>"$dir/log" </dev/null &
  host=$!
  for ((tries = 0; tries < 300; tries++)); do
    if grep -q '^ready' "$dir/out" || ! kill -0 "$host" 2>/dev/null; then break; fi
    sleep 0.1
  done
  address=$(sed -n 's/^ *HTTP *//p' "$dir/out")
  answer=$(BACKPLANE_ADDR=$address "$1" chat -endpoint only -no-stream "good day" 2>>"$dir/log" </dev/null) || true
  streamed=$(BACKPLANE_ADDR=$address "$1" chat -endpoint only "good day" 2>>"$dir/log" </dev/null) || true
  kill "$host" 2>/dev/null || true
  wait "$host" 2>/dev/null || true
  if [[ $answer != *"good day"* || $streamed != *"good day"* ]]; then
    printf 'the host answered %q and streamed %q; it said:\n' "$answer" "$streamed"
    cat "$dir/out" "$dir/log"
    rm -rf "$dir"
    return 1
  fi
  rm -rf "$dir"
  echo "a chat through the host: $answer"
}
