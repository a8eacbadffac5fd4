# The official image of PostgreSQL with trovella_guard in it.
#
#   docker build -t trovella_guard --build-arg PG_MAJOR=18 .
#   docker run -e POSTGRES_PASSWORD=... trovella_guard
#
# The library is built in a stage of its own: no compiler gets into the image.
# Databases are guarded when somebody says so (CREATE EXTENSION trovella_guard),
# but every session has the library, so that no statement passes unseen.

ARG PG_MAJOR=18

FROM postgres:${PG_MAJOR} AS build
ARG PG_MAJOR
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      gcc libc6-dev make "postgresql-server-dev-${PG_MAJOR}" \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile trovella_guard.control trovella_guard.c trovella_guard--*.sql ./
COPY src ./src
RUN make with_llvm=no COPT=-Werror \
 && make with_llvm=no install DESTDIR=/out

FROM postgres:${PG_MAJOR}
LABEL org.opencontainers.image.title="trovella_guard" \
      org.opencontainers.image.description="PostgreSQL that refuses commits which leave a tenant table without row-level security" \
      org.opencontainers.image.licenses="PostgreSQL"
COPY --from=build /out/ /
CMD ["postgres", "-c", "session_preload_libraries=trovella_guard"]
