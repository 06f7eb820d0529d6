# lbc in a container: `./dev image`, then
#   docker run -p 8080:8080 -v "$PWD/my.lbconf:/etc/lbc/lbc.lbconf:ro" lbc
FROM debian:12-slim AS build
WORKDIR /src
# What changes seldom comes first: packages and BoringSSL are a layer of their own.
COPY dev ./
COPY cmake/boringssl-debian cmake/boringssl-debian
RUN ./dev setup
COPY . .
RUN ./dev build release && strip --strip-debug build/release/lbc

FROM debian:12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends libbrotli1 libc-ares2 libcjson1 libcrypt1 libevent-core-2.1-7 libhiredis0.14 \
    libmicrohttpd12 libnghttp2-14 libsodium23 libxxhash0 libyaml-0-2 libzstd1 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin lbc \
 && install -d -o lbc -g lbc /run/lbc /etc/lbc
COPY --from=build /src/build/release/lbc /usr/local/bin/lbc
COPY examples/quickstart.lbconf /etc/lbc/lbc.lbconf
USER lbc
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s \
    CMD ["lbc", "ctl", "--socket", "/run/lbc/lbc.sock", "show", "info"]
ENTRYPOINT ["lbc"]
CMD ["run", "/etc/lbc/lbc.lbconf", "--socket", "/run/lbc/lbc.sock"]
