/* version - the program's, from CMake. */
#pragma once

#ifndef LBC_VERSION
#define LBC_VERSION "unknown"
#endif
