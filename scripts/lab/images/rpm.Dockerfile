# An RPM-based image out of Debian's own dnf, rpm and createrepo-c: it says it is Rocky Linux 9, dnf installs two small
# packages from a file:// repository, and apt and dpkg are gone. Proves the recipe's steps, not a real Rocky.
ARG BASE
FROM ${BASE}
RUN apt-get update \
	&& apt-get install -y --no-install-recommends dnf rpm createrepo-c \
	&& rm -rf /var/lib/apt/lists/*
COPY rpm.spec /tmp/lab.spec
RUN for version in 1.0 1.1; do \
		rpmbuild -bb --define "lab_version $version" --define '_rpmdir /opt/repository' --define '_topdir /tmp/rpmbuild' /tmp/lab.spec || exit 1; \
	done \
	&& createrepo_c /opt/repository \
	&& rm -rf /tmp/rpmbuild /tmp/lab.spec
COPY rpm.os-release /usr/lib/os-release
COPY rpm.repo /etc/yum.repos.d/lab.repo
RUN ln -sf ../usr/lib/os-release /etc/os-release \
	&& rm -f /etc/debian_version \
	&& echo 'Rocky Linux release 9.4 (Blue Onyx)' >/etc/rocky-release \
	&& ln -s rocky-release /etc/redhat-release \
	&& ln -s rocky-release /etc/system-release \
	&& mkdir -p /etc/dnf/vars && echo 9 >/etc/dnf/vars/releasever \
	&& ln -sf dnf /usr/bin/yum \
	&& for tool in /usr/bin/apt* /usr/bin/dpkg*; do rm -f "$tool"; done \
	&& rm -rf /etc/apt \
	&& dnf -y install lab-world-1.0 && lab-world && dnf -y remove lab-hello lab-world && dnf clean all
