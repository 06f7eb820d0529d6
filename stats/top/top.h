/* top - `lbc top`: a running lbc in a terminal. */
#pragma once

/* argv[0] is "top". Exit status: 0 done, 2 usage, 3 nobody listens there. */
int top_main(int argc, char **argv);
