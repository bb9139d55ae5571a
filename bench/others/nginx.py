"""nginx answering a constant: nginx.py DIRECTORY

It inherits our listening socket, as it would from an older nginx that it
replaces: so the port is free and known."""

import os
import shutil
import subprocess
import sys

from jobs import listen, refuse, say

# sbin is not in everybody's path
PROGRAM = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
CONFIG = """
daemon off;
worker_processes auto;
pid {dir}/nginx.pid;
error_log {dir}/error.log crit;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    keepalive_requests 1000000000;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location = /status {{
            default_type application/json;
            return 200 '{{"result":"pending"}}';
        }}
    }}
}}
"""

if not PROGRAM:
    refuse("nginx-light is not installed")
directory = sys.argv[1]
sock = listen()
with open(directory + "/nginx.conf", "w", encoding="ascii") as config:
    config.write(CONFIG.format(
        dir=directory, port=sock.getsockname()[1],
        user="user root;" if os.geteuid() == 0 else ""))
version = subprocess.run([PROGRAM, "-v"], capture_output=True, text=True,
                         check=True).stderr.split("/")[-1].split()[0]
os.set_inheritable(sock.fileno(), True)
os.environ["NGINX"] = "%d;" % sock.fileno()
say(sock, "nginx %s, a constant" % version)
os.execv(PROGRAM, [PROGRAM, "-e", directory + "/error.log",
                   "-c", directory + "/nginx.conf"])
