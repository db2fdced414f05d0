# Debian that says it is Ubuntu 20.04: proves that os-release is read, and nothing about a real Ubuntu.
ARG BASE
FROM ${BASE}
COPY ubuntu.os-release /usr/lib/os-release
RUN ln -sf ../usr/lib/os-release /etc/os-release && rm -f /etc/debian_version
