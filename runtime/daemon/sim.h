/* sim - `lbc sim FILE`: what share of its cluster's requests each server would get. */
#pragma once

int sim_main(int argc, char **argv);
