# shellcheck shell=bash
# What the scripts share: the repository's root, timed steps, tables and their JSON form. Sourced, not run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# A checkout that belongs to another user is no obstacle to listing its files.
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=$root

# Compiler output is cached when ccache is there; keys do not depend on where the clone lies.
if command -v ccache >/dev/null 2>&1; then
  export CMAKE_C_COMPILER_LAUNCHER=ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
  export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1
fi

# Compiler processes at a time, for every cmake --build and ctest.
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
export CTEST_PARALLEL_LEVEL=${CTEST_PARALLEL_LEVEL:-$(nproc)}

die() {
  printf '%s: %s\n' "$(basename "$0")" "$1" >&2
  exit 2
}

# The header comment of the calling script is its help text.
usage() {
  sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

# need_value "$@" at an option: the option's value must stand there.
need_value() {
  if [ $# -lt 2 ] || [ -z "$2" ]; then
    die "$1 wants a value"
  fi
}

# rtl_files: the RTL in its order, as seen from the root
rtl_files() {
  sed 's,^,rtl/,' rtl/rtl.f
}

# yosys_top TOP PRESET [FILE...]: the command with which Yosys reads the RTL through slang, and the files after it
yosys_top() {
  local top=$1 preset=$2
  shift 2
  printf 'read_slang -j 1 --top %s -I rtl -D SYNTHESIS=1 -G Preset=%s %s' "$top" "$preset" \
    "$(rtl_files | tr '\n' ' ')$*"
}

now_ms() {
  date +%s%3N
}

# Runs a command; when it fails, prints the command that reproduces the failure.
#   step WHAT COMMAND...
step() {
  local what=$1 status=0
  shift
  printf '%s\n' "-- $what"
  "$@" || status=$?
  if [ "$status" -ne 0 ]; then
    printf 'FAILED (status %d): %s\n  reproduce with: cd %s && %s\n' "$status" "$what" "$root" "$(quoted "$@")" >&2
  fi
  return "$status"
}

quoted() {
  local word out=
  for word in "$@"; do
    out+=$(printf '%q ' "$word")
  done
  printf '%s' "${out% }"
}

# ---- tables: rows of name, wanted, measured, unit, ok
table_rows=()

# row NAME WANTED MEASURED UNIT true|false
row() {
  table_rows+=("$1"$'\t'"$2"$'\t'"$3"$'\t'"$4"$'\t'"$5")
}

# Prints the rows as a table. The argument heads the second column: budget or expected.
print_table() {
  {
    printf 'name\t%s\tmeasured\tunit\tok\n' "$1"
    [ "${#table_rows[@]}" -eq 0 ] || printf '%s\n' "${table_rows[@]}"
  } | column -t -s $'\t'
}

# write_json FILE budget|expected: the rows as a JSON list. Numbers stay numbers.
write_json() {
  {
    [ "${#table_rows[@]}" -eq 0 ] || printf '%s\n' "${table_rows[@]}"
  } | awk -F '\t' -v key="$2" '
    function text(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return "\"" s "\"" }
    function value(s) { return s ~ /^-?(0|[1-9][0-9]*)(\.[0-9]+)?$/ ? s : text(s) }
    BEGIN { print "[" }
    {
      printf "%s  {\"name\": %s, \"%s\": %s, \"measured\": %s, \"unit\": %s, \"ok\": %s}",
        (NR > 1 ? ",\n" : ""), text($1), key, value($2), value($3), text($4), $5
    }
    END { print (NR > 0 ? "\n]" : "]") }' >"$1"
}

all_ok() {
  local r
  for r in ${table_rows[@]+"${table_rows[@]}"}; do
    [[ $r == *$'\t'true ]] || return 1
  done
}

# seconds_since MS: with one decimal
seconds_since() {
  awk -v a="$1" -v b="$(now_ms)" 'BEGIN { printf "%.1f", (b - a) / 1000 }'
}
