# A Debian with a start program of its own that leaves a trace: /tmp/base-started holds its arguments.
ARG BASE
FROM ${BASE}
COPY --chmod=0755 entrypoint.start.sh /opt/base/start.sh
ENV BASE_GREETING="hello from the base"
WORKDIR /srv
ENTRYPOINT ["/opt/base/start.sh", "--fixed"]
CMD ["run", "--message", "two words"]
