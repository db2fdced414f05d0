"""Installs pip requirements with uv where it can serve, else with pip: the same packages, sooner.

Runs in a build step, as the interpreter that the packages are for. uv lies in the step's cache and in no layer. It
reads pip's own settings in our translation; whatever cannot be translated, or fails for another reason than the
requirements themselves, is left to pip. Runs on any Python 3, since an old one must still get to pip.
"""

import argparse
import ast
import glob
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import zipfile

# What changes nothing about which packages are installed.
HARMLESS = {
    "break-system-packages", "cache-dir", "config-file", "debug", "disable-pip-version-check", "exists-action", "log", "no-cache-dir",
    "no-color", "no-input", "no-python-version-warning", "no-warn-conflicts", "no-warn-script-location",
    "progress-bar", "quiet", "require-virtualenv", "resume-retries", "root-user-action", "use-feature", "verbose",
}
UV = "uv>=0.4.25,<1"
RECENT_SECONDS = 600


ONE_FULL_STEP = "one full step instead: "


class CannotServe(Exception):
    """uv cannot serve; the text says why."""


class WouldDiffer(Exception):
    """Installing over what is there would give another result than a build from scratch; the text says how."""


def say(text):
    print("fastbuild: " + text, flush=True)


def pip(*arguments):
    return [sys.executable, "-m", "pip"] + list(arguments)


def is_true(value):
    return value.strip().lower() in ("1", "true", "yes", "on", "y", "t")


def pip_configuration():
    """Keys with their sections, and values, of pip's files and variables, what counts more later."""
    try:
        # Starting pip to ask takes four times as long. It promises nothing about its insides: newer ones keep files apart.
        from pip._internal.configuration import Configuration
        configuration = Configuration(isolated=False)
        configuration.load()
        pairs = []
        for key, value in configuration.items():
            pairs += value.items() if isinstance(value, dict) else [(key, value)]
        if all(isinstance(text, str) for pair in pairs for text in pair):
            return pairs
    except Exception:
        pass
    done = subprocess.run(pip("config", "list"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if done.returncode != 0:
        raise CannotServe("pip does not show its settings")
    lines = [line.partition("=") for line in done.stdout.decode("utf-8", "replace").splitlines()]
    return [(key, str(ast.literal_eval(value))) for key, equals, value in lines if equals]


def pip_settings():
    """What pip reads from its files and variables, by option; the more specific section wins."""
    pairs = pip_configuration()
    settings = {}
    for section in ("global", "install", ":env:"):
        for key, value in pairs:
            if key.startswith(section + "."):
                settings[key[len(section) + 1:].replace("_", "-")] = value
    return settings


def translated(settings):
    """pip's settings as arguments and variables of uv."""
    arguments, variables = [], {}
    authorities = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    for option, value in settings.items():
        words = value.split()
        if option == "index-url" and words:
            arguments += ["--index-url", words[0]]
        elif option == "extra-index-url":
            for word in words:
                arguments += ["--extra-index-url", word]
        elif option == "find-links":
            for word in words:
                arguments += ["--find-links", word]
        elif option == "trusted-host":
            for word in words:
                arguments += ["--allow-insecure-host", word]
        elif option == "cert" and value:
            authorities = value
        elif option == "client-cert" and value:
            variables["SSL_CLIENT_CERT"] = value
        elif option in ("timeout", "default-timeout"):
            variables["UV_HTTP_TIMEOUT"] = str(max(1, int(float(value))))
        elif option == "retries":
            variables["UV_HTTP_RETRIES"] = str(int(value))
        elif option == "proxy" and value:
            variables.update(HTTP_PROXY=value, HTTPS_PROXY=value, ALL_PROXY=value)
        elif option == "no-index":
            arguments += ["--no-index"] if is_true(value) else []
        elif option == "pre":
            arguments += ["--prerelease", "allow"] if is_true(value) else []
        elif option not in HARMLESS and value:
            raise CannotServe("pip's setting '{}' is not translated".format(option))
    if authorities and os.path.isfile(authorities):
        variables["SSL_CERT_FILE"] = authorities
    elif authorities:
        raise CannotServe("the CAs in {} are a directory".format(authorities))
    paths = ssl.get_default_verify_paths()
    if authorities or paths.cafile or (paths.capath and os.listdir(paths.capath)):
        variables.update(UV_NATIVE_TLS="1", UV_SYSTEM_CERTS="1")
    return arguments, variables


def version_of(program):
    try:
        done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return None
    words = done.stdout.decode("utf-8", "replace").split()
    return words[1] if done.returncode == 0 and len(words) > 1 else None


def provide_uv(cache, given):
    """uv's program: the one that is kept, the given one, or from pip's index."""
    home = os.path.join(cache, "uv-tool")
    os.makedirs(home, exist_ok=True)
    kept = sorted(glob.glob(os.path.join(home, "uv-*", "bin", "uv")))
    for program in kept[::-1] if given is None else []:
        if version_of(program):
            return program
    fresh = tempfile.mkdtemp(prefix="new-", dir=home)
    try:
        program = os.path.join(fresh, "bin", "uv")
        if given is None:
            order = pip("install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:", "--target", fresh, UV)
            if subprocess.run(order).returncode != 0:
                raise CannotServe("pip's index has no uv for this machine")
        else:
            os.makedirs(os.path.dirname(program))
            if given.endswith(".whl"):
                with zipfile.ZipFile(given) as wheel:
                    name = next((name for name in wheel.namelist() if name.endswith(".data/scripts/uv")), None)
                    if name is None:
                        raise CannotServe("the wheel holds no uv")
                    with wheel.open(name) as source, open(program, "wb") as target:
                        shutil.copyfileobj(source, target)
            else:
                shutil.copyfile(given, program)
            os.chmod(program, 0o755)
        version = version_of(program)
        if version is None:
            raise CannotServe("uv does not run on this machine")
        place = os.path.join(home, "uv-" + version)
        try:
            os.rename(fresh, place)
        except OSError:
            # Another build has just put the same version there.
            if version_of(os.path.join(place, "bin", "uv")) is None:
                raise CannotServe("uv cannot be kept in the cache")
        return os.path.join(place, "bin", "uv")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def distributions(root):
    """Name, version and whether pip or uv put it there, of every distribution on the interpreter's path under a root."""
    from importlib.metadata import PathDistribution
    from pathlib import Path
    found = []
    for directory in dict.fromkeys(os.path.abspath(path) for path in sys.path[1:] if path):
        entries = sorted(glob.glob(root + directory + "/*.dist-info") + glob.glob(root + directory + "/*.egg-info"))
        for entry in entries:
            distribution = PathDistribution(Path(entry))
            name = distribution.metadata["Name"]
            if name:
                by_us = (distribution.read_text("INSTALLER") or "").strip() in ("pip", "uv")
                found.append((re.sub("[-_.]+", "-", name).lower(), distribution.version, by_us))
    return found


def first_of(found):
    """What an import finds: the first of each name."""
    first = {}
    for name, version, _ in found:
        first.setdefault(name, version)
    return first


def parsed(environment):
    """The same with versions that compare as versions: `2024.01` is `2024.1`."""
    from pip._vendor.packaging.version import Version
    return {name: Version(version) for name, version in environment.items()}


def resolve_from_scratch(program, arguments, environment, options, resolved):
    """The environment that the requirements give on the base alone, which the earlier steps must not stand against."""
    base = {(name, version) for name, version, _ in distributions(options.over)}
    present = distributions("")
    given = first_of(one for one in present if not one[2] or one[:2] in base)
    # Versions that are there are kept as long as they do, as an installation would.
    resolved.write("".join("{}=={}\n".format(*one) for one in sorted(given.items())))
    resolved.flush()
    order = [program, "pip", "compile", "--python", sys.executable, "--no-header", "--no-annotate", "--quiet"] + arguments
    if options.upgrade_pip:
        wanted = tempfile.NamedTemporaryFile(mode="w", prefix="pip-", suffix=".txt")
        wanted.write(options.upgrade_pip + "\n")
        wanted.flush()
        order += ["--upgrade-package", "pip", wanted.name]
    order += ["--output-file", resolved.name, options.requirements]
    if subprocess.run(order, env=environment, stdout=subprocess.DEVNULL).returncode != 0:
        raise WouldDiffer("the list is not resolved on its own")
    expected = dict(given)
    with open(resolved.name) as lines:
        for line in lines:
            line = line.partition(" ;")[0].strip()
            if line and not line.startswith(("#", "-")):
                name, equals, version = line.partition("==")
                if not equals:
                    raise WouldDiffer("'{}' is no version".format(line))
                expected[re.sub("[-_.]+", "-", name.strip()).lower()] = version.strip()
    expected = parsed(expected)
    for name, version in parsed(first_of(present)).items():
        if name not in expected:
            raise WouldDiffer("{} {} would be left over".format(name, version))
        if expected[name] < version:
            raise WouldDiffer("{} would go from {} back to {}".format(name, version, expected[name]))
    return expected


def install_with_uv(options):
    """Whether uv installed everything; ends the step when the requirements cannot be met."""
    may_serve()
    if options.fetched and has_just_failed(options.fetched):
        raise CannotServe("uv could not be fetched")
    arguments, variables = translated(pip_settings())
    program = provide_uv(options.cache, options.uv)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("UV_")}
    # uv leaves its lock where temporary files are.
    temporary = os.path.join(options.cache, "tmp")
    os.makedirs(temporary, exist_ok=True)
    environment.update(
        variables, TMPDIR=temporary, UV_CACHE_DIR=os.path.join(options.cache, "uv"), UV_LINK_MODE="copy", UV_NO_CONFIG="1",
        UV_NO_PROGRESS="1", UV_PYTHON_DOWNLOADS="never", NO_COLOR="1",
    )
    order = [program, "pip", "install", "--python", sys.executable, "--break-system-packages"]
    arguments += ["--index-strategy", "unsafe-best-match"]
    order += arguments
    if options.compile:
        order.append("--compile-bytecode")
    if options.upgrade_pip:
        order += ["--upgrade-package", "pip", options.upgrade_pip]
    order += ["-r", options.requirements]
    expected = None
    if options.over:
        resolved = tempfile.NamedTemporaryFile(mode="w+", prefix="resolved-", suffix=".txt")
        expected = resolve_from_scratch(program, arguments, environment, options, resolved)
        order += ["--constraint", resolved.name]
    say("uv {} installs the packages".format(version_of(program)))
    running = subprocess.Popen(order, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = []
    for line in running.stdout:
        lines.append(line.decode("utf-8", "replace").rstrip())
        print(lines[-1], flush=True)
    if running.wait() == 0:
        if expected is not None and parsed(first_of(distributions(""))) != expected:
            raise WouldDiffer("the versions would differ")
        return
    words = " ".join(" ".join(lines).split())
    _, found, reason = words.partition("No solution found when resolving dependencies")
    # A hint tells of pre-releases, refused credentials or an index that did not answer: pip has the last word there.
    if found and "hint:" not in words:
        print("ERROR: No solution found when resolving dependencies" + reason, flush=True)
        sys.exit(1)
    raise CannotServe("uv could not install the packages")


def may_serve():
    """Whether uv is to be tried at all."""
    if platform.python_implementation() != "CPython" or sys.version_info < (3, 8):
        raise CannotServe("uv needs CPython 3.8 or newer")
    if platform.machine() not in ("x86_64", "aarch64") or platform.libc_ver()[0] != "glibc":
        raise CannotServe("uv is not looked for on this kind of machine")


def fetch_uv(options):
    """Sees that uv lies in the cache while another step runs. The file of the stage tells when that failed."""
    failed = ""
    try:
        may_serve()
        say("uv {} is at hand".format(version_of(provide_uv(options.cache, None))))
    except Exception as reason:
        say("uv could not be fetched beforehand: {}".format(reason))
        failed = str(int(time.time()))
    with open(options.fetch_uv, "w") as stage:
        stage.write(failed)


def has_just_failed(stage):
    """Whether the stage tried in vain a moment ago; one that the daemon has kept for longer says nothing."""
    with open(stage) as file:
        failed = file.read()
    return failed != "" and time.time() - int(failed) < RECENT_SECONDS


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", required=True, help="directory that is kept between builds")
    parser.add_argument("--uv", help="a wheel or program of uv")
    parser.add_argument("--compile", action="store_true", help="compile to bytecode, as pip always does")
    parser.add_argument("--upgrade-pip", help="the requirement that pip itself is to meet, in its newest version")
    parser.add_argument("--over", help="root of the base, when an earlier step installed a part of the requirements")
    parser.add_argument("--fetch-uv", metavar="FILE", help="only see that uv lies in the cache, and tell a failure there")
    parser.add_argument("--fetched", metavar="FILE", help="where that told it")
    parser.add_argument("requirements", nargs="?")
    options = parser.parse_args()
    if options.fetch_uv:
        fetch_uv(options)
        return
    try:
        install_with_uv(options)
        return
    except WouldDiffer as reason:
        say(ONE_FULL_STEP + str(reason))
        sys.exit(86)
    except CannotServe as reason:
        if options.over:
            say(ONE_FULL_STEP + str(reason))
            sys.exit(86)
        say("{}; pip does it".format(reason))
    except (OSError, ValueError, SyntaxError, ImportError, zipfile.BadZipFile) as error:
        if options.over:
            say(ONE_FULL_STEP + str(error))
            sys.exit(86)
        say("uv cannot be used ({}); pip does it".format(error))
    if options.upgrade_pip:
        subprocess.run(pip("install", "--upgrade", options.upgrade_pip), check=True)
    sys.exit(subprocess.run(pip("install", "-r", options.requirements)).returncode)


main()
