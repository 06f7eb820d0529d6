# BoringSSL, static. BORINGSSL_ROOT names either what `./dev` built from Debian's source package or
# an upstream tree with its own CMake build: both have include/, build/libssl.a, build/libcrypto.a.
set(BORINGSSL_ROOT ${PROJECT_SOURCE_DIR}/.cache/boringssl CACHE PATH
    "BoringSSL: a tree with include/, build/libssl.a and build/libcrypto.a")
foreach(part include/openssl/ssl.h build/libssl.a build/libcrypto.a)
  if(NOT EXISTS ${BORINGSSL_ROOT}/${part})
    message(FATAL_ERROR "BoringSSL is not at ${BORINGSSL_ROOT} (${part} is missing). "
            "Run './dev setup', or give -DBORINGSSL_ROOT=DIR.")
  endif()
endforeach()

# Newer versions are written in C++ and may want its run-time library; taken only when needed.
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES -Wl,--push-state,--as-needed -lstdc++ -Wl,--pop-state)
check_c_source_compiles("int main(void) { return 0; }" LBC_HAVE_STDCXX)
if(LBC_HAVE_STDCXX)
  set(BORINGSSL_RUNTIME ${CMAKE_REQUIRED_LIBRARIES})
endif()
unset(CMAKE_REQUIRED_LIBRARIES)

add_library(boringssl INTERFACE)
target_include_directories(boringssl SYSTEM INTERFACE ${BORINGSSL_ROOT}/include)
target_link_libraries(boringssl INTERFACE ${BORINGSSL_ROOT}/build/libssl.a
                      ${BORINGSSL_ROOT}/build/libcrypto.a ${BORINGSSL_RUNTIME} Threads::Threads)
