# Proofs: runs that could refute a promise, not part of check.  Each is bounded
# by PROOF_SECONDS and says its seed; SEED=N repeats it.
PROOF_SECONDS = 600
PROOF_KILLS = 1000
PROOF_CLIENTS = 32
SEED =
PROOF_CRASH = $(AM_TESTS_ENVIRONMENT) \
	python3 $(top_srcdir)/tests/system/crash.py \
	--rounds $(PROOF_KILLS) --seconds $(PROOF_SECONDS) \
	--clients $(PROOF_CLIENTS) $(SEED:%=--seed %)

PROOFS = proof-daemon proof-worker proof-disk
.PHONY: proof $(PROOFS)
proof: all
	@for proof in $(PROOFS); do \
		$(MAKE) $(AM_MAKEFLAGS) $$proof || exit 1; \
	done
proof-daemon: all
	@$(PROOF_CRASH) --victim daemon
proof-worker: all
	@$(PROOF_CRASH) --victim worker
proof-disk: all
	@$(MAKE) $(AM_MAKEFLAGS) tests/unit/test_lossy.la
	@$(PROOF_CRASH) --victim daemon --lossy
