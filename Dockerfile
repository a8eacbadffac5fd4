# The official image of PostgreSQL with trovella_guard.
#
#   docker build -t trovella_guard --build-arg PG_MAJOR=18 .
#   docker run -e POSTGRES_PASSWORD=... trovella_guard
#
# A separate stage builds the library, so the image contains no compiler.  Run
# CREATE EXTENSION trovella_guard in the databases to guard.  Every session
# preloads the library, so the guard sees every statement.

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
