#include "config.h"
#include "core/settings.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/log.h"
#include "core/settings_row.h"
#include "core/utf8.h"

#define FILE_BYTES_MAX ((size_t)1048576)
#define LINE_BYTES 4096		/* where inih can be told so, else its own */
#define BLANK " \t"

struct loaded {
	struct settings settings;	/* first: what callers hold */
	atomic_uint refs;
};

/* A load under way. */
struct loader {
	struct settings *settings;
	const char *path;
	char *text;			/* the whole file */
	char *next;			/* its next line */
	int line;			/* the number of the current one */
	int *set_at;			/* by row: its line in the file, or 0 */
	int status;			/* 0, or the first failure */
	struct settings_error *error;
};

/* Keeps the first failure: the later ones may only follow from it. */
__attribute__((format(printf, 4, 5)))
static void fail(struct loader *loader, int status, int exit_status,
		 const char *format, ...)
{
	va_list args;

	if (loader->status != 0)
		return;
	loader->status = status;
	loader->error->exit_status = exit_status;
	va_start(args, format);
	vsnprintf(loader->error->message, sizeof(loader->error->message),
		  format, args);
	va_end(args);
}

static void fail_no_memory(struct loader *loader)
{
	fail(loader, -ENOMEM, EXIT_FAILURE, "out of memory");
}

/* Names where the value stands, in front of what is wrong with it. */
#define PLACE_SIZE 300
static char *place(const struct loader *loader, char out[PLACE_SIZE])
{
	char path[200];

	if (loader->line > 0)
		snprintf(out, PLACE_SIZE, "%s:%d",
			 log_quote(path, sizeof(path), loader->path),
			 loader->line);
	else
		snprintf(out, PLACE_SIZE, "command line");
	return out;
}

#define FAIL_HERE(loader, format, ...) \
	fail(loader, -EINVAL, EX_CONFIG, "%s: " format, \
	     place(loader, (char[PLACE_SIZE]){ 0 }), __VA_ARGS__)

#define SHOWN_SIZE 64
#define SHOWN(text) log_quote((char[SHOWN_SIZE]){ 0 }, SHOWN_SIZE, text)

/* --- one key ---------------------------------------------------------------- */

static void set_value(struct loader *loader, const struct setting_row *row,
		      const char *value)
{
	char range[SETTING_RANGE_SIZE];
	int r = setting_read(row, value, loader->settings);

	if (r == -ENOMEM)
		fail_no_memory(loader);
	else if (r < 0)
		FAIL_HERE(loader, "%s.%s = %s: it must be %s", row->section,
			  row->key, SHOWN(value), setting_range(row, range));
}

static void fail_unknown(struct loader *loader, const char *section,
			 const char *key)
{
	const struct setting_row *near = setting_nearest(section, key);

	if (*section == '\0')
		FAIL_HERE(loader, "%s stands before any [section]; did you "
			  "mean %s in [%s]?", SHOWN(key), near->key,
			  near->section);
	else if (!setting_section_exists(section))
		FAIL_HERE(loader, "there is no section [%s]; did you mean "
			  "[%s]?", SHOWN(section),
			  setting_nearest_section(section));
	else
		FAIL_HERE(loader, "there is no key %s in [%s]; did you mean "
			  "%s in [%s]?", SHOWN(key), section, near->key,
			  near->section);
}

static void set_key(struct loader *loader, const char *section,
		    const char *key, const char *value)
{
	int i = setting_find(section, key);

	if (i < 0) {
		fail_unknown(loader, section, key);
		return;
	}
	if (loader->line > 0 && loader->set_at[i] > 0) {
		FAIL_HERE(loader, "%s.%s is set a second time; the first is in "
			  "line %d", section, key, loader->set_at[i]);
		return;
	}
	loader->set_at[i] = loader->line;
	set_value(loader, &setting_rows[i], value);
}

static void set_defaults(struct loader *loader)
{
	for (size_t i = 0; i < setting_rows_count; i++)
		set_value(loader, &setting_rows[i], setting_rows[i].fallback);
}

/* --- overrides -------------------------------------------------------------- */

static char *trim(char *text)
{
	size_t n;

	text += strspn(text, BLANK);
	for (n = strlen(text); n > 0 && strchr(BLANK, text[n - 1]); n--)
		;
	text[n] = '\0';
	return text;
}

static void set_override(struct loader *loader, const char *override)
{
	char *text = strdup(override), *equals, *dot;

	if (!text) {
		fail_no_memory(loader);
		return;
	}
	equals = strchr(text, '=');
	dot = strchr(text, '.');
	if (!equals || !dot || dot > equals || dot == text ||
	    dot + 1 == equals) {
		fail(loader, -EINVAL, EX_USAGE,
		     "--set %s: it must be section.key=value", SHOWN(text));
		goto out;
	}
	*equals = *dot = '\0';
	if (!utf8_is_valid(equals + 1))
		FAIL_HERE(loader, "%s.%s is not valid UTF-8", SHOWN(text),
			  SHOWN(dot + 1));
	else
		set_key(loader, trim(text), trim(dot + 1), trim(equals + 1));
out:
	free(text);
}

/* --- the file --------------------------------------------------------------- */

static int read_file(int fd, char **text_out, size_t *bytes_out)
{
	char *text = malloc(FILE_BYTES_MAX + 1);
	size_t bytes = 0;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	while (bytes <= FILE_BYTES_MAX) {
		n = read(fd, text + bytes, FILE_BYTES_MAX + 1 - bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = -errno;
			free(text);
			return (int)n;
		}
		if (n == 0)
			break;
		bytes += (size_t)n;
	}
	if (bytes > FILE_BYTES_MAX) {
		free(text);
		return -EFBIG;
	}
	text[bytes] = '\0';
	*text_out = text;
	*bytes_out = bytes;
	return 0;
}

/* Is this text, and nothing that a C string or a terminal would hide? */
static void check_text(struct loader *loader, size_t bytes)
{
	const char *s = loader->text, *end = s + bytes;
	size_t n;

	for (loader->line = 1; s < end; s += n) {
		unsigned char c = (unsigned char)*s;

		n = utf8_bytes(s);
		if (c == '\n')
			loader->line++;
		else if ((n > 0 && (c >= ' ' || c == '\t') && c != 0x7f) ||
			 (c == '\r' && s[1] == '\n'))
			continue;
		else if (n == 0 && c != '\0')
			FAIL_HERE(loader, "byte 0x%02x is not valid UTF-8", c);
		else
			FAIL_HERE(loader, "character 0x%02x has no place in "
				  "this file", c);
		if (loader->status != 0)
			return;
	}
	loader->line = 0;
}

/* inih takes `[a] b` for `[a]` and says nothing of an empty section. */
static void check_section(struct loader *loader, const char *line)
{
	size_t n = strcspn(line, "]");
	const char *rest = line + n + (line[n] == ']');
	char name[SHOWN_SIZE];

	rest += strspn(rest, BLANK);
	if (line[n] != ']' ||
	    (*rest != '\0' && *rest != ';' && *rest != '#')) {
		FAIL_HERE(loader, "%s is no [section]", SHOWN(line));
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(n - 1), line + 1);
	if (!setting_section_exists(name))
		fail_unknown(loader, *name ? name : "?", "");
}

/* An ini_reader: the next line without its end and without leading blanks,
 * which inih would take for the continuation of a value. */
static char *read_line(char *out, int out_size, void *stream)
{
	struct loader *loader = stream;
	char *line = loader->next;
	size_t bytes;

	if (!*line || loader->status != 0)
		return NULL;
	bytes = strcspn(line, "\n");
	loader->next = line + bytes + (line[bytes] == '\n');
	loader->line++;
	line[bytes] = '\0';
	if (bytes > 0 && line[bytes - 1] == '\r')
		line[--bytes] = '\0';
	line = trim(line);
	bytes = strlen(line);
	if (bytes + 3 > (size_t)out_size) {
		FAIL_HERE(loader, "the line is longer than %d bytes",
			  out_size - 3);
		return NULL;
	}
	if (*line == '[')
		check_section(loader, line);
	memcpy(out, line, bytes);
	memcpy(out + bytes, "\n", 2);
	return out;
}

static int take_key(void *user, const char *section, const char *key,
		    const char *value)
{
	struct loader *loader = user;

	if (loader->status == 0)
		set_key(loader, section, key, value ? value : "");
	return loader->status == 0;
}

static void parse_text(struct loader *loader)
{
	static const char bom[] = "\xef\xbb\xbf";
	int r;

#if HAVE_DECL_INI_MAX_LINE
	ini_use_stack = false;
	ini_max_line = ini_initial_alloc = LINE_BYTES;
#endif
	assert(loader->text);		/* it has been read */
	loader->next = loader->text;
	if (strncmp(loader->text, bom, strlen(bom)) == 0)
		loader->next += strlen(bom);
	r = ini_parse_stream(read_line, loader, take_key, loader);
	if (r == -2)
		fail_no_memory(loader);
	if (r > 0 && (loader->status == 0 || r < loader->line)) {
		loader->status = 0;	/* inih saw its own failure first */
		loader->line = r;
		FAIL_HERE(loader, "%s", "it is neither [section] nor "
			  "key = value nor # comment");
	}
}

static void load_file(struct loader *loader)
{
	char *quoted = LOG_QUOTE(loader->path);
	int fd = open(loader->path, O_RDONLY | O_CLOEXEC), r;
	size_t bytes = 0;

	r = fd < 0 ? -errno : read_file(fd, &loader->text, &bytes);
	if (fd >= 0)
		(void)close(fd);
	if (r == -ENOMEM) {
		fail_no_memory(loader);
	} else if (r == -EFBIG) {
		fail(loader, r, EX_CONFIG, "%.200s: it is larger than %zu bytes",
		     quoted, FILE_BYTES_MAX);
	} else if (r < 0) {
		fail(loader, r, EX_CONFIG, "%.200s: cannot be read: %s", quoted,
		     strerror(-r));
	} else {
		check_text(loader, bytes);
		if (loader->status == 0)
			parse_text(loader);
	}
	loader->line = 0;
}

/* --- what only all keys together show ---------------------------------------- */

bool settings_listen(const char *listen,
		     char address_out[SETTINGS_ADDRESS_SIZE],
		     uint16_t *port_out)
{
	const char *at = listen, *digits = "0123456789";
	unsigned long part;
	size_t n;

	if (strncmp(at, "localhost:", 10) == 0) {
		memcpy(address_out, "127.0.0.1", 10);
		at += 9;
	} else {
		for (int i = 0; i < 4; i++) {
			n = strspn(at, digits);
			part = strtoul(at, NULL, 10);
			if (n < 1 || n > 3 || part > 255 ||
			    (n > 1 && *at == '0') ||
			    at[n] != (i < 3 ? '.' : ':'))
				return false;
			at += n + (i < 3);
		}
		memcpy(address_out, listen, (size_t)(at - listen));
		address_out[at - listen] = '\0';
	}
	at++;				/* the colon */
	n = strspn(at, digits);
	part = n > 0 && n < 6 ? strtoul(at, NULL, 10) : 65536;
	if (part > 65535 || at[n] != '\0')
		return false;
	*port_out = (uint16_t)part;
	return true;
}

static void check_listen(struct loader *loader)
{
	const struct settings *s = loader->settings;
	char address[SETTINGS_ADDRESS_SIZE];
	uint16_t port;

	if (settings_listen(s->http_listen, address, &port) &&
	    strncmp(address, "127.", 4) != 0 && *s->http_api_key_file == '\0')
		fail(loader, -EINVAL, EX_CONFIG, "http.listen = %s: an address "
		     "off loopback needs http.api_key_file", s->http_listen);
}

static void check_durations(struct loader *loader)
{
	const struct settings *s = loader->settings;

	if (s->simulation_min_ms > s->simulation_max_ms)
		fail(loader, -EINVAL, EX_CONFIG, "simulation.min_ms = %lld: it "
		     "must be at most simulation.max_ms = %lld",
		     (long long)s->simulation_min_ms,
		     (long long)s->simulation_max_ms);
}

/* A connection is a descriptor.  Beside them are 256 that wait in the HTTP
 * library's queue, and those of at most 64 workers, of the database, of its
 * readers and of the rest. */
#define DESCRIPTORS_BESIDE 512

int64_t settings_descriptors(const struct settings *settings)
{
	return settings->http_threads + DESCRIPTORS_BESIDE;
}

static void check_descriptors(struct loader *loader)
{
	const struct settings *s = loader->settings;
	int64_t needed = settings_descriptors(s);
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    limit.rlim_max != RLIM_INFINITY &&
	    (rlim_t)needed > limit.rlim_max)
		fail(loader, -EINVAL, EX_CONFIG, "http.threads = %lld: that "
		     "needs %lld descriptors, and RLIMIT_NOFILE allows %llu",
		     (long long)s->http_threads, (long long)needed,
		     (unsigned long long)limit.rlim_max);
}

static void check_together(struct loader *loader)
{
	check_listen(loader);
	check_durations(loader);
	check_descriptors(loader);
}

/* systemd hands the keys over in a directory of its own. */
static void default_key_file(struct loader *loader)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char path[2048];

	if (*loader->settings->http_api_key_file != '\0' || !directory ||
	    *directory == '\0' ||
	    snprintf(path, sizeof(path), "%s/api-keys", directory) >=
		    (int)sizeof(path) ||
	    access(path, F_OK) != 0)
		return;
	set_key(loader, "http", "api_key_file", path);
}

/* --- loading ----------------------------------------------------------------- */

static void settings_free(struct loaded *loaded)
{
	if (!loaded)
		return;
	for (size_t i = 0; i < setting_rows_count; i++)
		setting_clear(&setting_rows[i], &loaded->settings);
	free(loaded);
}

/* Puts back what a reload may not change, and lists it. */
static void keep_fixed(struct loader *loader, const struct settings *running,
		       char *kept_out, size_t kept_size)
{
	size_t used = 0;

	for (size_t i = 0; i < setting_rows_count; i++) {
		const struct setting_row *row = &setting_rows[i];

		if (row->reload ||
		    setting_equal(row, running, loader->settings))
			continue;
		if (setting_copy(row, running, loader->settings) < 0)
			fail_no_memory(loader);
		if (used < kept_size)
			used += (size_t)snprintf(kept_out + used,
						 kept_size - used, "%s%s.%s",
						 used > 0 ? ", " : "",
						 row->section, row->key);
	}
}

int settings_reload(const struct settings *running, const char *path,
		    const char *const *overrides, size_t overrides_count,
		    const struct settings **out, char *kept_out,
		    size_t kept_size, struct settings_error *error_out)
{
	struct loaded *loaded = calloc(1, sizeof(*loaded));
	int *set_at = calloc(setting_rows_count, sizeof(*set_at));
	struct loader loader = { .path = path, .set_at = set_at,
				 .error = error_out };

	if (kept_size > 0)
		kept_out[0] = '\0';
	if (!loaded || !set_at) {
		fail_no_memory(&loader);
		goto out;
	}
	loader.settings = &loaded->settings;
	set_defaults(&loader);
	if (path)
		load_file(&loader);
	for (size_t i = 0; i < overrides_count && loader.status == 0; i++)
		set_override(&loader, overrides[i]);
	if (loader.status == 0)
		default_key_file(&loader);
	if (loader.status == 0)
		check_together(&loader);
	if (loader.status == 0 && running) {
		keep_fixed(&loader, running, kept_out, kept_size);
		check_together(&loader);
	}
	if (loader.status == 0) {
		atomic_init(&loaded->refs, 1);
		*out = &loaded->settings;
		loaded = NULL;
	}
out:
	settings_free(loaded);
	free(loader.text);
	free(set_at);
	return loader.status;
}

int settings_load(const char *path, const char *const *overrides,
		  size_t overrides_count, const struct settings **out,
		  struct settings_error *error_out)
{
	return settings_reload(NULL, path, overrides, overrides_count, out,
			       NULL, 0, error_out);
}

static struct loaded *loaded_of(const struct settings *settings)
{
	return (struct loaded *)(uintptr_t)settings;
}

const struct settings *settings_ref(const struct settings *settings)
{
	atomic_fetch_add_explicit(&loaded_of(settings)->refs, 1,
				  memory_order_relaxed);
	return settings;
}

void settings_unref(const struct settings *settings)
{
	if (settings && atomic_fetch_sub(&loaded_of(settings)->refs, 1) == 1)
		settings_free(loaded_of(settings));
}

bool settings_state_dir(char *out, size_t out_size)
{
	static const struct {
		const char *variable, *below;
	} places[] = {
		{ "STATE_DIRECTORY", "" },
		{ "XDG_STATE_HOME", "/heygend" },
		{ "HOME", "/.local/state/heygend" },
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const char *value = getenv(places[i].variable);

		/* the specification of XDG: a relative path is none */
		if (!value || *value != '/')
			continue;
		return snprintf(out, out_size, "%s%s", value,
				places[i].below) < (int)out_size;
	}
	return false;
}
