/* ctl - `lbc ctl [--socket PATH] COMMAND...`: sends one command to the stats socket, prints the
 * answer. */
#pragma once

/* argv[0] is "ctl". Blocks, at most for --timeout. Exit status: 0 done, 1 refused (the reason is on
 * standard error), 2 usage, 3 nobody listens there. */
int ctl_main(int argc, char **argv);
