/* shortcut - the commands of shortcuts.def: `lbc reload` is `lbc ctl reload`. */
#pragma once

/* argv[0] is its name. Blocks, at most for --timeout. Exit status as that of ctl_main(). */
int shortcut_main(int argc, char **argv);
