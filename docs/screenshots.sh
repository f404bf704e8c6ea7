#!/bin/sh
# Retakes the pictures of documentation pages in this folder, the tops of what `optc doc` writes. Needs Go and Chromium;
# CHROMIUM names another command.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for rule in adamw muon sam; do
  go run ../cmd/optc doc "std/$rule" --format html -o "$work/$rule.html"
  "${CHROMIUM:-chromium}" --headless --no-sandbox --disable-gpu --disable-background-networking --hide-scrollbars \
    --user-data-dir="$work/profile" --window-size=960,1320 --screenshot="$PWD/$rule.png" "file://$work/$rule.html"
done

# The search: its live view as a terminal shows it, and its report. Needs tmux, aha and Perl besides.
go build -o "$work/optc-search" ../search/cmd/optc-search
"$work/optc-search" "$work/search.db" --budget 60s --quiet >/dev/null
tmux -L optc new-session -d -x 120 -y 36 "cd '$work' && COLORTERM=truecolor TERM=xterm-256color ./optc-search search.db --budget 1h"
sleep 30
tmux -L optc capture-pane -e -p | aha --black --title search >"$work/search.html"
tmux -L optc kill-server
(cd "$work" && ./optc-search report search.db -o report.html >/dev/null)
# Dots of braille come from another font, wider than a column.
perl -CSD -pi -e 's|[\x{2801}-\x{28ff}]|<i style="display:inline-block;width:8.43px;font:normal 11.5px DejaVu Sans">$&</i>|g;' \
  -e 's|<pre>|<pre style="font:14px/1.25 DejaVu Sans Mono,monospace;margin:12px">|' "$work/search.html"
for page in search,670 report,1500; do
  height=${page#*,} page=${page%,*}
  "${CHROMIUM:-chromium}" --headless --no-sandbox --disable-gpu --disable-background-networking --hide-scrollbars \
    --user-data-dir="$work/profile" --window-size=1050,$height --screenshot="$PWD/$page.png" "file://$work/$page.html"
done
