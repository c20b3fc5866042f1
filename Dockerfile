# One image with all roles: docker build -t vethscope . (or make image).
# BASE is any Debian-like image with Python 3.11 or newer as python3; if that Python is
# Debian's own, BUILD_PACKAGES needs python3-dev and python3-venv too.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG BUILD_PACKAGES="gcc libc6-dev"
RUN apt-get update \
    && apt-get install -y --no-install-recommends ${BUILD_PACKAGES}
WORKDIR /source
# The tools stay here: the environment that is copied has neither pip nor Cython.
RUN python3 -m venv /tools && python3 -m venv --without-pip /opt/vethscope
COPY requirements.lock requirements-build.lock ./
RUN /tools/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock \
    && /tools/bin/pip --python /opt/vethscope/bin/python install --no-cache-dir \
       --no-compile --require-hashes -r requirements.lock
COPY . .
# The same sources give the same wheel, whenever it is built.
ARG SOURCE_DATE_EPOCH=1704067200
RUN /tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation -w /wheel . \
    && /tools/bin/pip --python /opt/vethscope/bin/python install --no-cache-dir \
       --no-compile --no-index --no-deps /wheel/*.whl \
    && .ci/slim /opt/vethscope/lib/python3*/site-packages \
    && /opt/vethscope/bin/python -m compileall -qf --invalidation-mode unchecked-hash \
       /opt/vethscope/lib \
    && /opt/vethscope/bin/python -I -c "import sys, rings.packets.block; \
       sys.exit(not rings.packets.block.__file__.endswith('.so'))"
# The detector's database: a start compiles it for ten seconds otherwise, and always on a
# read-only root. Another processor or an own catalog compiles it again.
RUN XDG_CACHE_HOME=/opt/vethscope/cache /opt/vethscope/bin/vethscope detect /dev/null \
    && chmod -R a+rX /opt/vethscope/cache

FROM ${BASE}
COPY --from=build /opt/vethscope /opt/vethscope
COPY .ci/sbom /tmp/sbom
# What is in it (CycloneDX), Debian's packages included.
RUN /opt/vethscope/bin/python /tmp/sbom > /opt/vethscope/sbom.cdx.json && rm /tmp/sbom
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title=vethscope \
    org.opencontainers.image.description="Which sensitive data moves through a cluster" \
    org.opencontainers.image.licenses=Apache-2.0 \
    org.opencontainers.image.version=${VERSION} \
    org.opencontainers.image.revision=${REVISION}
ENV PATH=/opt/vethscope/bin:${PATH} XDG_CACHE_HOME=/opt/vethscope/cache
WORKDIR /var/lib/vethscope
RUN chown 65532:65532 .
USER 65532:65532
ENTRYPOINT ["vethscope"]
