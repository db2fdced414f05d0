# FastBuild as a small image that runs as nobody in particular.
#
#   docker build -t fastbuild .                                  compile inside (needs the Rust image and the crates)
#   cargo build --release --locked
#   docker build -t fastbuild --build-arg BINARY=prebuilt .      take target/release/fastbuild as it is: no network
#
# BUILDER and RUNTIME name other bases, such as mirrors of these. RUNTIME needs glibc and libgcc, of the builder's release
# or a newer one, and nothing else: no step runs in it, so a base without a shell will do.
# BuildKit is needed (DOCKER_BUILDKIT=1 before Docker 23): it leaves out the stage that is not asked for.

ARG BUILDER=rust:1.94-slim-bookworm
ARG RUNTIME=debian:12-slim
# compiled or prebuilt
ARG BINARY=compiled

FROM ${BUILDER} AS compiled
WORKDIR /source
COPY . .
ENV SQLX_OFFLINE=true CARGO_TERM_COLOR=never
RUN --mount=type=cache,id=fastbuild-cargo-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=fastbuild-cargo-target,target=/source/target \
    cargo build --release --locked \
 && install -D -m 0755 target/release/fastbuild /out/fastbuild

FROM scratch AS prebuilt
COPY target/release/fastbuild /out/fastbuild

FROM ${BINARY} AS binary

FROM ${RUNTIME}
COPY --chown=0:0 --from=binary /out/fastbuild /usr/local/bin/fastbuild
COPY --chown=0:0 config.toml /etc/fastbuild/config.toml
# A new volume takes over owner and mode of what lies here: a file that the user 10001 owns makes the directory theirs.
COPY --chown=10001:10001 packaging/data /var/lib/fastbuild
# Every setting is a variable; these are what a container needs other than the defaults. It is reached from outside, so it
# asks for tokens: docker exec NAME fastbuild token create --name admin --role administer
ENV FASTBUILD_CONFIG=/etc/fastbuild/config.toml \
    FASTBUILD__FB__BASE_DIR=/var/lib/fastbuild \
    FASTBUILD__FB__HOST=0.0.0.0 \
    FASTBUILD__ACCESS__MODE=token
USER 10001:10001
WORKDIR /var/lib/fastbuild
VOLUME ["/var/lib/fastbuild"]
EXPOSE 48001
HEALTHCHECK --interval=15s --timeout=6s --start-period=10s --retries=3 CMD ["/usr/local/bin/fastbuild", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/fastbuild"]
CMD ["serve"]
