/* assets.h -- the files that are embedded at build time.
 *
 * web/embed.sh makes the tables: assets is the dashboard, out of web/, served
 * below "/" to everybody ("/" itself is "/index.html"); documents is the API's
 * description, out of doc/.  Everything is constant, ready to be sent as it
 * is: the type, the tag, the plain bytes and the same bytes compressed. */
#ifndef DAEMON_ASSETS_H
#define DAEMON_ASSETS_H

#include <stddef.h>

struct asset {
	const char *path;		/* "/index.html" */
	const char *type;		/* of its content, with the charset */
	const char *etag;		/* weak and quoted: holds for both forms */
	const char *policy;		/* what its policy allows beyond 'self';
					 * "" or whole directives, "...; " */
	const void *plain, *gzip;
	size_t plain_size, gzip_size;	/* bytes */
};

extern const struct asset assets[];	/* by path, ascending (strcmp) */
extern const size_t asset_count;
extern const struct asset documents[];	/* "/openapi.json" */
extern const size_t document_count;

#endif
