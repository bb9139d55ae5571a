"""GET /status from a dict, on FastAPI and uvicorn: fastapi_app.py DIRECTORY

One process: the dict is in its memory.  uvicorn takes uvloop and httptools
where they are installed, as its documentation advises."""

import importlib.util

from jobs import jobs, listen, refuse, say

try:
    import fastapi
    import uvicorn
except ImportError as missing:
    refuse("python3-%s is not installed" % missing.name)

results = jobs()
app = fastapi.FastAPI()


@app.get("/status")
async def status(job_id: str):
    if job_id not in results:
        raise fastapi.HTTPException(404)
    return {"result": results[job_id]}


speedups = [module for module in ("uvloop", "httptools")
            if importlib.util.find_spec(module)]
sock = listen()
say(sock, "FastAPI %s (%s)" % (
    fastapi.__version__, ", ".join(["uvicorn"] + speedups)))
uvicorn.Server(uvicorn.Config(
    app, log_level="error", access_log=False)).run(sockets=[sock])
