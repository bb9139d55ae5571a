# client/: libheygen-client and heygenctl
pkgconfig_DATA = client/libheygen-client.pc
include_HEADERS += %D%/heygen-client.h

# The pure part of the library: no clock, no I/O, nothing exported.  The bench
# and the unit tests stand on it alone.
noinst_LTLIBRARIES += libpace.la
libpace_la_SOURCES = \
	%D%/alloc.c \
	%D%/alloc.h \
	%D%/memory.c \
	%D%/memory.h \
	%D%/pace.c \
	%D%/pace.h \
	%D%/pace_many.c \
	%D%/pace_single.h \
	%D%/plan.c \
	%D%/plan.h \
	%D%/retry.c \
	%D%/retry.h \
	$(NULL)

# The library.  Nothing but HG_API leaves it: the list is compared by a test.
lib_LTLIBRARIES += libheygen-client.la
libheygen_client_la_SOURCES = \
	core/json_check.c \
	core/json_check.h \
	%D%/buf.c \
	%D%/buf.h \
	%D%/call.c \
	%D%/calls.c \
	%D%/client.c \
	%D%/error.c \
	%D%/error.h \
	%D%/internal.h \
	%D%/job.c \
	%D%/look.c \
	%D%/sse.c \
	%D%/sse.h \
	%D%/transport.c \
	%D%/transport.h \
	%D%/watch.c \
	%D%/watch.h \
	%D%/watch_plan.c \
	%D%/watch_read.c \
	%D%/watch_set.c \
	%D%/wire.c \
	%D%/wire.h \
	%D%/wire_out.c \
	$(NULL)
libheygen_client_la_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(CJSON_CFLAGS) \
	-fvisibility=hidden
libheygen_client_la_LIBADD = libpace.la $(CURL_LIBS) $(CJSON_LIBS)
libheygen_client_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 \
	-no-undefined -export-symbols-regex '^hg_[a-z]'
EXTRA_DIST += %D%/libheygen-client.syms
dist_man_MANS += %D%/libheygen-client.3

# Each is built and run by the tests.
EXAMPLES = \
	%D%/examples/cancel_on_timeout \
	%D%/examples/demo \
	%D%/examples/event_loop \
	%D%/examples/plain_status \
	%D%/examples/submit_and_wait \
	%D%/examples/wait_many \
	$(NULL)
check_PROGRAMS += $(EXAMPLES)
EXAMPLE_CPPFLAGS = -I$(srcdir)/%D%
%C%_examples_cancel_on_timeout_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
%C%_examples_cancel_on_timeout_LDADD = libheygen-client.la
%C%_examples_demo_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
%C%_examples_demo_LDADD = libheygen-client.la
%C%_examples_event_loop_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
%C%_examples_event_loop_LDADD = libheygen-client.la
%C%_examples_plain_status_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
%C%_examples_plain_status_LDADD = libheygen-client.la
%C%_examples_submit_and_wait_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
%C%_examples_submit_and_wait_LDADD = libheygen-client.la
%C%_examples_wait_many_CPPFLAGS = $(EXAMPLE_CPPFLAGS)
%C%_examples_wait_many_LDADD = libheygen-client.la
exampledir = $(docdir)/examples
dist_example_DATA = \
	%D%/examples/cancel_on_timeout.c \
	%D%/examples/demo.c \
	%D%/examples/event_loop.c \
	%D%/examples/plain_status.c \
	%D%/examples/submit_and_wait.c \
	%D%/examples/submit_and_wait.py \
	%D%/examples/wait_many.c \
	$(NULL)

# The command line, its manual, and completion for three shells.
bin_PROGRAMS += heygenctl
heygenctl_SOURCES = \
	core/json_check.c \
	core/json_check.h \
	%D%/ctl.h \
	%D%/ctl_completion.c \
	%D%/ctl_connect.c \
	%D%/ctl_follow.c \
	%D%/ctl_follow.h \
	%D%/ctl_help.c \
	%D%/ctl_history.c \
	%D%/ctl_json.c \
	%D%/ctl_json.h \
	%D%/ctl_list.c \
	%D%/ctl_list.h \
	%D%/ctl_main.c \
	%D%/ctl_options.c \
	%D%/ctl_options.h \
	%D%/ctl_output.c \
	%D%/ctl_output.h \
	%D%/ctl_progress.c \
	%D%/ctl_progress.h \
	%D%/ctl_request.c \
	%D%/ctl_request.h \
	%D%/ctl_row.c \
	%D%/ctl_row.h \
	%D%/ctl_say.c \
	%D%/ctl_signals.c \
	%D%/ctl_table.c \
	%D%/ctl_table.h \
	%D%/ctl_tables.c \
	%D%/ctl_text.c \
	%D%/ctl_text.h \
	%D%/ctl_time.c \
	%D%/ctl_time.h \
	%D%/ctl_verbs_job.c \
	%D%/ctl_verbs_server.c \
	%D%/ctl_verbs_wait.c \
	%D%/ctl_verbs_watch.c \
	$(NULL)
heygenctl_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
heygenctl_LDADD = libheygen-client.la $(CJSON_LIBS)
dist_man_MANS += %D%/heygenctl.1

# What `heygenctl completion SHELL` prints; a test compares.
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/completion/heygenctl
zshcompletiondir = $(datadir)/zsh/site-functions
dist_zshcompletion_DATA = %D%/completion/_heygenctl
fishcompletiondir = $(datadir)/fish/vendor_completions.d
dist_fishcompletion_DATA = %D%/completion/heygenctl.fish
COMPLETION = $(srcdir)/%D%/completion
update-completion: heygenctl$(EXEEXT)
	$(AM_V_GEN)./heygenctl completion bash > $(COMPLETION)/heygenctl
	$(AM_V_at)./heygenctl completion zsh > $(COMPLETION)/_heygenctl
	$(AM_V_at)./heygenctl completion fish > $(COMPLETION)/heygenctl.fish
.PHONY: update-completion
