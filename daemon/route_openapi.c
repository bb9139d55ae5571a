#include "daemon/http_request.h"

#include "daemon/assets.h"

/* The page that says everything about the others. */
void route_openapi(struct request *r)
{
	const struct asset *document = &documents[0];

	reply_header(&r->reply, "ETag", document->etag);
	reply_header(&r->reply, "Vary", "Accept-Encoding");
	if (etag_names(&r->headers, HEADER_IF_NONE_MATCH, document->etag)) {
		r->reply.status = 304;
		return;
	}
	r->reply.type = document->type;
	r->reply.bytes = document->plain;
	r->reply.bytes_length = document->plain_size;
	if (accepts_gzip(&r->headers)) {
		reply_header(&r->reply, "Content-Encoding", "gzip");
		r->reply.bytes = document->gzip;
		r->reply.bytes_length = document->gzip_size;
	}
}
