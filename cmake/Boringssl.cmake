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

add_library(boringssl INTERFACE)
target_include_directories(boringssl SYSTEM INTERFACE ${BORINGSSL_ROOT}/include)
target_link_libraries(boringssl INTERFACE ${BORINGSSL_ROOT}/build/libssl.a
                      ${BORINGSSL_ROOT}/build/libcrypto.a Threads::Threads)
