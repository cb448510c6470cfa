# One image for every part of the deployed shape: Airflow with the Celery executor, Headwater, its Dags and its plugin.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/headwater/venv
COPY requirements/deploy.txt deploy/build.txt /src/requirements/
RUN /opt/headwater/venv/bin/pip install --require-hashes -r /src/requirements/deploy.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r /src/requirements/build.txt
COPY pyproject.toml README.md LICENSE /src/
COPY requirements/runtime.in /src/requirements/
COPY connectors /src/connectors
COPY headwater /src/headwater
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels /src \
    && /opt/headwater/venv/bin/pip install --no-deps /wheels/headwater-*.whl

FROM python:3.12-slim
ENV PATH=/opt/headwater/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/headwater/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/headwater/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/headwater/plugins
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends gnupg \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 50000 --create-home --home-dir /opt/headwater/airflow --shell /usr/sbin/nologin headwater \
    && install -d -o headwater -g headwater /opt/headwater/airflow/logs /opt/headwater/state
COPY --from=build /opt/headwater/venv /opt/headwater/venv
COPY dags /opt/headwater/dags
COPY plugins /opt/headwater/plugins
COPY deploy/entrypoint.sh deploy/init.sh /opt/headwater/
USER headwater
WORKDIR /opt/headwater
ENTRYPOINT ["/opt/headwater/entrypoint.sh"]
CMD ["airflow", "version"]
