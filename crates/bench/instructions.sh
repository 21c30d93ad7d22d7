#!/bin/sh
# Instructions that one decision executes, by callgrind: the same figure on a machine that is busy.
# usage: instructions.sh PROGRAM [DECISIONS]
set -eu
program=$1
decisions=${2:-1000}
command -v valgrind >/dev/null || { echo "valgrind is missing: apt install valgrind" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
printf 'Instructions of one decision, mean of %s\n' "$decisions"
for case in cookie pair policies tokens networks; do
    # The collection is switched on where `measured` begins and off where it ends.
    valgrind --tool=callgrind --callgrind-out-file="$folder/$case" --collect-atstart=no \
        --toggle-collect='*decisions*measured*' \
        "$program" --measured "$case" --decisions "$decisions" >/dev/null 2>"$folder/log" || {
        cat "$folder/log" >&2
        exit 1
    }
    total=$(sed -n 's/^summary: //p; s/^totals: //p' "$folder/$case" | head -n 1)
    printf '  %-12s %8d\n' "$case" $((total / decisions))
    [ -z "${KEEP:-}" ] || cp "$folder/$case" "$KEEP/callgrind.$case"
done
