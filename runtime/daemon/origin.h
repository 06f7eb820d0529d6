/* origin - `lbc origin PORT...`: a small HTTP/1.1 server to put behind the balancer, for demos,
 * tests and benchmarks. What it answers is asked for by the path; see origin_answer.h. */
#pragma once

/* argv[0] is "origin". Serves until SIGTERM or SIGINT, then returns 0; 1 when a port cannot be had,
 * 2 for wrong usage, both said on stderr. Blocks; one thread serves all ports. */
int origin_main(int argc, char **argv);
