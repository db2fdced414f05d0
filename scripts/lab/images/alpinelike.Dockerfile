# A family that is not supported: busybox alone, and an os-release of Alpine.
ARG BASE
FROM ${BASE} AS busybox
RUN apt-get update \
	&& apt-get install -y --no-install-recommends busybox-static \
	&& mkdir -p /out/bin /out/etc /out/tmp \
	&& cp /bin/busybox /out/bin/busybox \
	&& for tool in sh cat ls id ps uname sleep env; do ln -s busybox "/out/bin/$tool"; done

FROM scratch
COPY --from=busybox /out /
COPY alpinelike.os-release /etc/os-release
CMD ["/bin/sh"]
