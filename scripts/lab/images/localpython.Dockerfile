# Python and pip in /usr/local, as the official Python images have them: first on PATH, not managed by the distribution.
ARG BASE
FROM ${BASE}
RUN apt-get update \
	&& apt-get install -y --no-install-recommends python3 python3-pip \
	&& rm -f /usr/lib/python3*/EXTERNALLY-MANAGED \
	&& ln -s /usr/bin/python3 /usr/local/bin/python3 \
	&& ln -s /usr/bin/python3 /usr/local/bin/python \
	&& /usr/local/bin/python3 -m pip install --no-cache-dir --ignore-installed pip \
	&& apt-get purge -y --auto-remove python3-pip \
	&& rm -rf /var/lib/apt/lists/* /root/.cache \
	&& cd / && test "$(command -v pip3)" = /usr/local/bin/pip3 && pip3 --version
