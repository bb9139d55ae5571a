#include "daemon/http_request.h"

#include "daemon/assets.h"

#include <stdio.h>
#include <string.h>

static const struct asset *asset_find(const char *path)
{
	size_t low = 0, high = asset_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(path, assets[middle].path);

		if (order == 0)
			return &assets[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The dashboard asks nobody but us, and nobody may frame it. */
static void reply_policy(struct request *r, const struct asset *asset)
{
	char policy[256];

	snprintf(policy, sizeof(policy),
		 "default-src 'self'; %sbase-uri 'none'; form-action 'self'; "
		 "frame-ancestors 'none'; object-src 'none'", asset->policy);
	reply_header(&r->reply, "Content-Security-Policy", policy);
	reply_header(&r->reply, "X-Content-Type-Options", "nosniff");
	reply_header(&r->reply, "Referrer-Policy", "no-referrer");
	reply_header(&r->reply, "Cache-Control", "no-cache");
	reply_header(&r->reply, "Vary", "Accept-Encoding");
}

void route_asset(struct request *r)
{
	const struct asset *asset = asset_find(
		strcmp(r->path, "/") == 0 ? "/index.html" : r->path);

	if (!asset) {
		reply_problem(&r->reply, 404, "no_route",
			      "This server was built without a dashboard.");
		return;
	}
	r->reply.bytes = asset->plain;
	r->reply.bytes_length = asset->plain_size;
	reply_policy(r, asset);
	reply_header(&r->reply, "ETag", asset->etag);
	if (etag_names(&r->headers, HEADER_IF_NONE_MATCH, asset->etag)) {
		r->reply.status = 304;
		return;
	}
	r->reply.type = asset->type;
	if (accepts_gzip(&r->headers)) {
		reply_header(&r->reply, "Content-Encoding", "gzip");
		r->reply.bytes = asset->gzip;
		r->reply.bytes_length = asset->gzip_size;
	}
}
