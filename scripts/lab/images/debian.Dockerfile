# The official Debian with this machine's mirror and this machine's CAs.
ARG BASE
FROM ${BASE}
ARG MIRROR
COPY ca-certificates.crt debian.dress.sh /run/lab/
RUN sh /run/lab/debian.dress.sh / /run/lab/ca-certificates.crt "$MIRROR"
CMD ["bash"]
