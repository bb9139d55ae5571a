#include "config.h"

#include "bench/server.h"

#include <civetweb.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGUMENTS 64

static void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static const char *program(const char *name)
{
	static char path[2][PATH_MAX];
	static int turn;
	const char *dir = getenv("HG_BUILDDIR");

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir ? dir : ".",
		 name);
	return path[turn];
}

static void exec_heygend(const struct server *server, int out,
			 const char *const *settings)
{
	const char *args[ARGUMENTS] = { "heygend", "--listen", "127.0.0.1:0",
					"--state-dir", server->dir, "--set",
					"log.level=error" };
	int n = 7;

	for (; *settings && n < ARGUMENTS - 2; settings++) {
		args[n++] = "--set";
		args[n++] = *settings;
	}
	setenv("HEYGEN_WORKER", program("heygen-worker"), 0);
	dup2(out, STDOUT_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	execv(program("heygend"), (char **)args);
	die(program("heygend"));
}

void server_heygend(struct server *server, const char *const *settings)
{
	double began = now_ms();
	int out[2];
	FILE *from;

	if (!server->dir[0]) {
		snprintf(server->dir, sizeof(server->dir), "%s/heygend-bench.XXXXXX",
			 getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
		if (!mkdtemp(server->dir))
			die(server->dir);
	}
	if (pipe2(out, O_CLOEXEC) < 0)
		die("pipe");
	server->pid = fork();
	if (server->pid == 0)
		exec_heygend(server, out[1], settings);
	close(out[1]);
	from = fdopen(out[0], "r");
	if (!from || fscanf(from, "heygend: ready http://127.0.0.1:%hu",
			    &server->port) != 1)
		die("heygend was not ready");
	server->ready_ms = now_ms() - began;
	fclose(from);
}

/* --- the yardstick ------------------------------------------------------------ */

static const char *answer;
static size_t answer_size;

static int begin_request(struct mg_connection *connection)
{
	(void)mg_write(connection, answer, answer_size);
	return 200;
}

static void serve_constant(int out, const char *bytes)
{
	static const char *const options[] = {
		"listening_ports", "127.0.0.1:0", "num_threads", "256",
		"enable_keep_alive", "yes", "keep_alive_timeout_ms", "15000",
		"tcp_nodelay", "1", "request_timeout_ms", "10000",
		"connection_queue", "256", "listen_backlog", "1024", NULL
	};
	struct mg_callbacks callbacks = { .begin_request = begin_request };
	struct mg_server_port port;
	struct mg_context *context;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	answer = bytes;
	answer_size = strlen(bytes);
	context = mg_start(&callbacks, NULL, (const char **)options);
	if (!context || mg_get_server_ports(context, 1, &port) != 1)
		die("mg_start");
	dprintf(out, "%d\n", port.port);
	for (;;)
		pause();
}

void server_constant(struct server *server, const char *bytes)
{
	int out[2];
	FILE *from;

	if (pipe(out) < 0)
		die("pipe");
	server->pid = fork();
	if (server->pid == 0)
		serve_constant(out[1], bytes);
	close(out[1]);
	from = fdopen(out[0], "r");
	if (!from || fscanf(from, "%hu", &server->port) != 1)
		die("the yardstick did not start");
	fclose(from);
}

/* --- others ------------------------------------------------------------------- */

/* What the command starts last it must exec: only this process is ended. */
static void exec_command(const char *command, int out)
{
	dup2(out, STDOUT_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	die("/bin/sh");
}

bool server_program(struct server *server, const char *command, char *text_out,
		    size_t text_size)
{
	char line[256] = "it said nothing";
	bool serves;
	int out[2], at = 0;
	FILE *from;

	if (pipe2(out, O_CLOEXEC) < 0)
		die("pipe");
	server->pid = fork();
	if (server->pid == 0)
		exec_command(command, out[1]);
	close(out[1]);
	from = fdopen(out[0], "r");
	if (from && fgets(line, sizeof(line), from))
		line[strcspn(line, "\n")] = '\0';
	if (from)
		fclose(from);
	serves = sscanf(line, "%hu %n", &server->port, &at) == 1 && at > 0;
	snprintf(text_out, text_size, "%s", serves ? line + at : line);
	if (!serves)
		server_stop(server);
	return serves;
}

/* --- the end --------------------------------------------------------------------- */

static void end(struct server *server, int signal)
{
	if (server->pid > 0) {
		kill(server->pid, signal);
		(void)waitpid(server->pid, NULL, 0);
	}
	server->pid = 0;
}

void server_stop(struct server *server)
{
	end(server, SIGTERM);
}

void server_kill(struct server *server)
{
	end(server, SIGKILL);
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void server_remove(struct server *server)
{
	server_stop(server);
	if (server->dir[0])
		(void)nftw(server->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	server->dir[0] = '\0';
}
