/* environment - `lbc check --env`: does this machine have what a configuration names? */
#pragma once

/* `lbc check`. argv[0] is its name. */
int check_main(int argc, char **argv);
