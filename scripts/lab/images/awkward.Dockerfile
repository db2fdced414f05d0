# A Debian whose author meant something else by nearly everything: a PATH without the directories of sbin, another
# shell for the steps, another signal to stop, a health check, an sshd of its own that lets nobody in by a password,
# a pip that looks elsewhere, tools in the home of a user.
ARG BASE
FROM ${BASE}
RUN apt-get update \
	&& apt-get install -y --no-install-recommends openssh-server python3 python3-pip \
	&& useradd --create-home app \
	&& chmod 0700 /home/app \
	&& mkdir -p /home/app/miniconda3/bin /run/sshd \
	&& printf '#!/bin/sh\necho conda 23.1.0\n' >/home/app/miniconda3/bin/conda \
	&& chmod 0755 /home/app/miniconda3/bin/conda \
	&& chown -R app:app /home/app \
	&& printf 'PasswordAuthentication no\nUsePAM no\n' >/etc/ssh/sshd_config.d/hard.conf \
	&& mkdir -p /root/.config/pip \
	&& printf '[global]\nindex-url = http://127.0.0.1:9/own/simple\n' >/root/.config/pip/pip.conf
ENV PATH=/home/app/miniconda3/bin:/opt/tool/bin:/usr/local/bin:/usr/bin:/bin
ENV PIP_INDEX_URL=http://127.0.0.1:9/variable/simple
SHELL ["/usr/bin/perl", "-e"]
STOPSIGNAL SIGWINCH
HEALTHCHECK --interval=1ms CMD echo hostile
CMD ["/usr/sbin/sshd", "-D"]
