# The simulated gateway as a container. Options go behind the image's name, or into OAGW_SIM_… variables:
#
#   docker build -t oagw-tornado .
#   docker run --rm -p 8765:8765 oagw-tornado --time-to-first-token 200ms

FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/oagw \
    && /opt/oagw/bin/pip install --no-cache-dir --disable-pip-version-check '.[fast,cluster,scripts,tls]' \
    && /opt/oagw/bin/pip uninstall --yes --quiet pip

# docker build --target locust: Locust with this package, whose decoder docs/load/locustfile.py reads events with.
FROM build AS locust-build
RUN /opt/oagw/bin/python -m ensurepip \
    && /opt/oagw/bin/python -m pip install --no-cache-dir --disable-pip-version-check locust

FROM python:3.13-slim AS locust
COPY --from=locust-build /opt/oagw /opt/oagw
RUN useradd --system --uid 10002 --no-create-home --shell /usr/sbin/nologin locust
USER 10002:10002
WORKDIR /tmp
ENV PATH=/opt/oagw/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 8089 5557
ENTRYPOINT ["locust"]

FROM python:3.13-slim
COPY --from=build /opt/oagw /opt/oagw
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin oagw
USER 10001:10001
WORKDIR /tmp
ENV PATH=/opt/oagw/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OAGW_SIM_HOST=0.0.0.0 \
    OAGW_SIM_PORT=8765
EXPOSE 8765
# Another port goes into OAGW_SIM_PORT, where this finds it.
HEALTHCHECK --interval=5s --timeout=3s --start-period=5s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"OAGW_SIM_PORT\"]}/health', timeout=2)"]
ENTRYPOINT ["oagw-tornado"]
