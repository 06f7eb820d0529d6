/* explain - `lbc explain FILE 'GET http://host/path'`: why does this request go there? */
#pragma once

/* argv[0] is "explain". Returns 0, 1 when the file has errors, 2 for a wrong use, 3 when it can't
 * be read. */
int explain_main(int argc, char **argv);
