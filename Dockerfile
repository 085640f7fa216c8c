# One image for every process of Pulsetrail; what it does is said by its arguments.
FROM node:22-bookworm-slim AS boards
WORKDIR /build/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --ignore-scripts --silent
COPY web/build.mjs ./
COPY web/source source
RUN node build.mjs

FROM python:3.11-slim-bookworm AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/pulsetrail
COPY requirements/scale.lock requirements/build.lock requirements/
RUN /opt/pulsetrail/bin/pip install --require-hashes -r requirements/scale.lock \
 && python -m venv /opt/builder \
 && /opt/builder/bin/pip install --require-hashes -r requirements/build.lock
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY shared shared
COPY --from=boards /build/services/projections/pages/built services/projections/pages/built
RUN /opt/builder/bin/python -m hatchling build --target wheel \
 && /opt/pulsetrail/bin/pip install --no-deps --no-index dist/*.whl \
 && /opt/pulsetrail/bin/pip uninstall --yes pip

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 pulsetrail \
 && useradd --uid 10001 --gid pulsetrail --no-create-home --shell /usr/sbin/nologin pulsetrail \
 && install --directory --owner pulsetrail --group pulsetrail /var/lib/pulsetrail
COPY --from=build /opt/pulsetrail /opt/pulsetrail
ENV PATH=/opt/pulsetrail/bin:$PATH PYTHONUNBUFFERED=1 PULSETRAIL_DATA_DIR=/var/lib/pulsetrail
# By number, so that a cluster can see that it is not root. The root may be read-only.
USER 10001:10001
EXPOSE 8700 8701 8702 8703 8704
ENTRYPOINT ["pulsetrail"]
CMD ["--help"]
