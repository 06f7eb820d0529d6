/* run - `lbc run FILE`: compiles a configuration and serves it until it is told to stop. */
#pragma once

/* argv[0] is "run". Exit status: 0 after a shutdown, 1 the configuration has errors or can't be
 * served, 2 usage, 3 the file can't be read. */
int run_main(int argc, char **argv);
