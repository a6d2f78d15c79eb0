/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs a program and says on one line what it took: wall, user and system seconds, peak resident KiB, exit status.
 * Only the process itself is in the figures: from before posix_spawn() to the return of wait4().
 *
 * usage: timeit [-r] [-i INPUT] [-o OUTPUT] [-e ERRORS] COMMAND [ARGUMENT]...
 *        -r: with real-time priority, so that other programs do not disturb; needs the right to
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static _Noreturn void fail(const char *what, int error)
{
	fprintf(stderr, "timeit: %s: %s\n", what, strerror(error));
	exit(125);
}

static double seconds(struct timeval timeval)
{
	return (double)timeval.tv_sec + (double)timeval.tv_usec / 1e6;
}

static double now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static int redirect(posix_spawn_file_actions_t *actions, int fd, const char *path)
{
	int flags = fd ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY;

	return posix_spawn_file_actions_addopen(actions, fd, path, flags, 0600);
}

/* Children inherit it. */
static void go_ahead_of_others(void)
{
	struct sched_param sched_param = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_RR, &sched_param))
		fail("real-time priority", errno);
}

static void run(char **argv, const char *const path[3])
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	int status, error;
	double start;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	for (int fd = 0; fd < 3; fd++)
		if ((error = redirect(&actions, fd, path[fd])))
			fail(path[fd], error);
	start = now();
	error = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	if (error)
		fail(argv[0], error);
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			fail("wait4", errno);
	printf("%.6f %.6f %.6f %ld %d\n", now() - start, seconds(usage.ru_utime), seconds(usage.ru_stime),
	       usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	posix_spawn_file_actions_destroy(&actions);
}

int main(int argc, char **argv)
{
	const char *path[3] = { "/dev/null", "/dev/null", "/dev/null" };
	int letter;

	(void)argc;
	while ((letter = getopt(argc, argv, "+ri:o:e:")) != -1) {
		const char *at = strchr("ioe", letter);

		if (letter == 'r')
			go_ahead_of_others();
		else if (at)
			path[at - "ioe"] = optarg;
		else
			return 125;
	}
	if (!argv[optind]) {
		fprintf(stderr, "usage: timeit [-r] [-i INPUT] [-o OUTPUT] [-e ERRORS] COMMAND [ARGUMENT]...\n");
		return 125;
	}
	run(argv + optind, path);
	return 0;
}
