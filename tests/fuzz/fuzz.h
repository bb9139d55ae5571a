/* fuzz.h -- what a fuzz target defines.
 *
 * A target is one file that aborts when a promise is broken, a line in
 * FUZZ_TARGETS and a word in FUZZERS of local.mk, and seeds in corpus/NAME/.
 * `make check` replays the seeds in a plain program; configured with
 * --enable-fuzz and clang, `make fuzz` lets libFuzzer look for more (run.sh).
 * An input that broke a promise is worth a seed with a name of its own. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

extern const char fuzz_name[];		/* of the folder in corpus/ */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
