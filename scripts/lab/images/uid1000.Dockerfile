# A Debian that runs as a user without rights, with an entrypoint and a cmd of its own: /tmp/base-started is its trace.
ARG BASE
FROM ${BASE}
RUN useradd --create-home --uid 1000 --shell /bin/bash app
COPY --chmod=0755 uid1000.start.sh /usr/local/bin/app-start
USER app
WORKDIR /home/app
ENTRYPOINT ["/usr/local/bin/app-start"]
CMD ["serve", "--port", "8080"]
