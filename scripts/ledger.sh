# Sourced by scripts/test: runs its steps, says what it runs, and counts. Needs SCRATCH, a folder for logs.
#
# A step that is no test counts as one; a step of tests counts as many as its runner says. A failed step does not stop
# the ones after it: each function returns 0, and `close` fails in the end.
# shellcheck shell=bash

PASSED=0
FAILED=0
SKIPPED=0
FAILURES=()
# How many tests the last step ran.
RAN=0

heading() { printf '\n=== %s\n' "$*"; }

failed_step() { # NAME
  FAILURES+=("$1")
  echo "=== FAILED: $1"
}

# Runs a command as one check.
check() { # NAME COMMAND…
  local name=$1
  shift
  heading "$name: $*"
  if "$@" </dev/null; then
    PASSED=$((PASSED + 1))
  else
    FAILED=$((FAILED + 1))
    failed_step "$name"
  fi
}

# Runs a command that runs tests, and counts what cargo (`test result: … 3 passed; 0 failed; 1 ignored`) or
# tests/browser (`3 passed, 0 failed`) say at the end. A run of no test, or one that ends badly without a failed test, is
# a failure too. Ignored tests count as skipped.
tests() { # NAME COMMAND…
  local name=$1 log=$SCRATCH/tests.log code=0 passed failed
  shift
  heading "$name: $*"
  "$@" </dev/null 2>&1 | tee "$log" || code=$?
  passed=$(sum_before passed "$log")
  failed=$(sum_before failed "$log")
  RAN=$((passed + failed))
  if ((failed == 0 && (code != 0 || RAN == 0))); then failed=1; fi
  PASSED=$((PASSED + passed))
  FAILED=$((FAILED + failed))
  SKIPPED=$((SKIPPED + $(sum_before ignored "$log")))
  if ((failed > 0)); then failed_step "$name"; fi
}

# The same for tests that a step before ignored: those that run now are skipped no longer.
ignored_tests() { # NAME COMMAND…
  tests "$@"
  SKIPPED=$((SKIPPED - RAN))
}

sum_before() { # WORD LOG
  { grep -E '^(test result: |[0-9]+ passed, [0-9]+ failed)' "$2" || true; } |
    { grep -oE "[0-9]+ $1" || true; } | awk '{ sum += $1 } END { print sum + 0 }'
}

# COUNT is 0 for tests that were counted when an earlier step ignored them.
skip() { # COUNT WHY
  SKIPPED=$((SKIPPED + $1))
  printf '\n############ SKIPPED: %s\n' "$2"
}

# The closing line; fails if anything failed.
close() {
  heading "summary"
  for name in "${FAILURES[@]}"; do echo "failed: $name"; done
  echo "$PASSED passed, $FAILED failed, $SKIPPED skipped"
  ((FAILED == 0))
}
