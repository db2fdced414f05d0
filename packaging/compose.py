#!/usr/bin/env python3
"""compose.yaml as `docker run` says it.

Reads compose.yaml, refuses any key that is not known here, puts the defaults of its variables in, and prints the
arguments of `docker run` one a line, without image, name, ports and the volume's name. packaging/try.sh runs the
image with them, so that what compose.yaml promises is what is tried. Where `docker compose` is there, try.sh has it
read the file as well. Needs PyYAML.
"""

import os
import re
import sys

import yaml

SERVICE_KEYS = {
    "image", "build", "ports", "environment", "volumes", "group_add", "read_only", "tmpfs", "cap_drop", "security_opt",
    "pids_limit", "mem_limit", "restart", "stop_grace_period",
}  # fmt: skip
BUILD_KEYS = {"context", "args"}
VARIABLE = re.compile(r"\$\{(\w+)(:-([^}]*)|:\?([^}]*))?\}")


def interpolated(value):
    """Values with `${NAME:-default}` replaced, as compose does it."""
    if isinstance(value, dict):
        return {key: interpolated(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner) for inner in value]
    if not isinstance(value, str):
        return value

    def one(match):
        name, default = match.group(1), match.group(3)
        found = os.environ.get(name) or default
        if found is None:
            sys.exit(f"compose.yaml: {name} has neither a value nor a default")
        return found

    return VARIABLE.sub(one, value)


def known(what, found, allowed):
    strange = set(found) - allowed
    if strange:
        sys.exit(f"compose.yaml: {what} has unknown keys: {', '.join(sorted(strange))}")


def main(path, build_arguments):
    with open(path, encoding="utf-8") as file:
        document = interpolated(yaml.safe_load(file))
    known("the file", document, {"services", "volumes"})
    known("services", document["services"], {"fastbuild"})
    service = document["services"]["fastbuild"]
    known("the service", service, SERVICE_KEYS)
    known("build", service["build"], BUILD_KEYS)
    with open(os.path.join(os.path.dirname(path), "Dockerfile"), encoding="utf-8") as file:
        declared = set(re.findall(r"^ARG (\w+)", file.read(), re.MULTILINE))
    known("build.args", service["build"]["args"], declared)
    if build_arguments:
        for name, value in service["build"]["args"].items():
            print(f"{name}={value}")
        return
    named = {volume.split(":")[0] for volume in service["volumes"] if not volume.startswith(("/", "."))}
    known("the service's volumes", named, set(document["volumes"]))
    arguments = []
    for name, value in service["environment"].items():
        arguments += ["--env", f"{name}={value}"]
    if service["read_only"] is True:
        arguments.append("--read-only")
    for mount in service["tmpfs"]:
        arguments += ["--tmpfs", mount]
    for capability in service["cap_drop"]:
        arguments += ["--cap-drop", capability]
    for option in service["security_opt"]:
        arguments += ["--security-opt", option]
    for group in service.get("group_add", []):
        arguments += ["--group-add", group]
    arguments += ["--pids-limit", str(service["pids_limit"]), "--memory", str(service["mem_limit"])]
    arguments += ["--restart", service["restart"]]
    arguments += ["--stop-timeout", service["stop_grace_period"].removesuffix("s")]
    published = [port for port in service["ports"] if port.endswith(":48001:48001")]
    if not published or not published[0].startswith("127.0.0.1:"):
        sys.exit("compose.yaml: the service must listen on 127.0.0.1 unless told otherwise")
    print("\n".join(arguments))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:] == ["--build-arguments"])
