# Warnings are errors, in our own code. Generated code is compiled with its own, fewer flags (Room).
option(LBC_WERROR "Treat warnings as errors" ON)
set(LBC_WARNINGS
    -Wall -Wextra -Wshadow -Wconversion -Wswitch-enum -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wundef -Wvla
    -Wno-string-conversion # clang's: ASSERT(!"what should not be") means it
    -Wno-missing-field-initializers) # what a row of a table does not name is zero, and means that
if(LBC_WERROR)
  list(APPEND LBC_WARNINGS -Werror)
endif()
set(LBC_GENERATED_WARNINGS -Wall -Wno-unused-parameter -Wno-unused-variable -Wno-unused-function
    -Wno-sign-conversion -Wno-conversion -Wno-shadow -Wno-switch-enum -Wno-missing-prototypes)
