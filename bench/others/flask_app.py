"""GET /status from a dict, on Flask: flask_app.py DIRECTORY

One process: the dict is in its memory.  waitress serves where it is
installed, with its default of four threads, else Flask's own threaded
server."""

import logging
from importlib.metadata import version

from jobs import jobs, listen, refuse, say

try:
    import flask
except ImportError:
    refuse("python3-flask is not installed")
try:
    import waitress
except ImportError:
    waitress = None

results = jobs()
app = flask.Flask(__name__)


@app.get("/status")
def status():
    job_id = flask.request.args.get("job_id", "")
    if job_id not in results:
        flask.abort(404)
    return {"result": results[job_id]}


def serve_with_waitress():
    # it warns of each request that has to wait
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    sock = listen()
    say(sock, "Flask %s (waitress %s)" % (
        version("flask"), version("waitress")))
    waitress.serve(app, sockets=[sock])


def serve_alone():
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    sock = listen()
    server = make_server("127.0.0.1", sock.getsockname()[1], app,
                         threaded=True, fd=sock.fileno())
    say(sock, "Flask %s (its own threaded server)" % version("flask"))
    server.serve_forever()


if waitress:
    serve_with_waitress()
else:
    serve_alone()
