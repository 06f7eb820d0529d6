# Warnings are errors, in our own code. Generated code is compiled with its own, fewer flags (Room).
option(LBC_WERROR "Treat warnings as errors" ON)
set(LBC_WARNINGS
    -Wall -Wextra -Wshadow -Wconversion -Wswitch-enum -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla)
if(CMAKE_C_COMPILER_ID MATCHES Clang)
  # -Wconversion of clang has it; ASSERT(!"what must never happen") is an idiom here.
  list(APPEND LBC_WARNINGS -Wno-string-conversion)
endif()
if(LBC_WERROR)
  list(APPEND LBC_WARNINGS -Werror)
endif()
set(LBC_GENERATED_WARNINGS -Wall -Wno-unused-parameter -Wno-unused-variable -Wno-unused-function
    -Wno-sign-conversion -Wno-conversion -Wno-shadow -Wno-switch-enum -Wno-missing-prototypes)
