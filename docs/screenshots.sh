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
