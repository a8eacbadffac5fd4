# Three images with trovella_guard.
#
# The official image of PostgreSQL with the library, which the server preloads:
#
#   docker build -t trovella_guard --build-arg PG_MAJOR=18 .
#   docker run -e POSTGRES_PASSWORD=... -e TROVELLA_GUARD_DB=postgres trovella_guard
#
# An image with nothing but the extension, for CloudNativePG's image volumes; see
# docs/kubernetes.md:
#
#   docker build --target extension -t trovella_guard:1.0.0-18 --build-arg PG_MAJOR=18 .
#
# The program trovella-guard, for CI; see docs/managed.md:
#
#   docker build --target cli -t trovella-guard --build-arg PG_MAJOR=18 .
#   docker run --rm -e PGPASSWORD trovella-guard audit postgres://auditor@prod/shop
#
# A separate stage builds the library, so no image contains a compiler.  The
# library runs on Debian bookworm and on what is newer.

ARG PG_MAJOR=18
ARG DEBIAN=bookworm

FROM postgres:${PG_MAJOR}-${DEBIAN} AS build
ARG PG_MAJOR
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      gcc libc6-dev make "postgresql-server-dev-${PG_MAJOR}" \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile trovella_guard*.control trovella_guard.c trovella_guard*--*.sql ./
COPY src ./src
RUN make with_llvm=no COPT=-Werror \
 && make with_llvm=no WITHOUT_CLI=1 install DESTDIR=/out

FROM scratch AS extension
ARG PG_MAJOR
LABEL org.opencontainers.image.title="trovella_guard" \
      org.opencontainers.image.description="The extension trovella_guard as an image volume" \
      org.opencontainers.image.licenses="PostgreSQL"
COPY --from=build /out/usr/lib/postgresql/${PG_MAJOR}/lib/trovella_guard.so /lib/
COPY --from=build /out/usr/share/postgresql/${PG_MAJOR}/extension/ /share/extension/
COPY LICENSE /licenses/trovella_guard/
USER 65532:65532

FROM postgres:${PG_MAJOR}-${DEBIAN} AS cli
LABEL org.opencontainers.image.title="trovella-guard" \
      org.opencontainers.image.description="Audits the isolation of tenants in PostgreSQL databases" \
      org.opencontainers.image.licenses="PostgreSQL"
RUN apt-get update \
 && apt-get install -y --no-install-recommends perl \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /
COPY bin/trovella-guard /usr/local/bin/
COPY lib/TrovellaGuard /usr/local/share/trovella-guard/TrovellaGuard
USER postgres
WORKDIR /work
ENTRYPOINT ["trovella-guard"]

FROM postgres:${PG_MAJOR}-${DEBIAN}
LABEL org.opencontainers.image.title="trovella_guard" \
      org.opencontainers.image.description="PostgreSQL that refuses commits which leave a tenant table without row-level security" \
      org.opencontainers.image.licenses="PostgreSQL"
COPY --from=build /out/ /
COPY docker/conf.d/ /etc/postgresql/conf.d/
COPY docker/initdb.d/ /docker-entrypoint-initdb.d/
# In the configuration rather than in CMD, which arguments of "docker run" replace.
# initdb copies the sample.
RUN echo "include_dir '/etc/postgresql/conf.d'" >>/usr/share/postgresql/postgresql.conf.sample
