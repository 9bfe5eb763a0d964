# The operator's image, for those who have a builder: docker build --tag seinode-operator .
# Without one, `cargo xtask image FILE` writes the same image into an archive.
#
# The digest is that of the index for all architectures. For another version, print it with
# docker buildx imagetools inspect rust:VERSION-bookworm --format '{{.Manifest.Digest}}'
FROM rust:1.95.0-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS build
# For the parts that are in C.
RUN apt-get update && apt-get install --yes --no-install-recommends musl-tools
# Writes the list of dependencies into the program, where scanners find it.
RUN cargo install --locked cargo-auditable --version 0.7.7
WORKDIR /src
COPY . .
RUN target="$(uname -m)-unknown-linux-musl" \
    && rustup target add "$target" \
    && export "CC_$(echo "$target" | tr - _)=musl-gcc" \
    && RUSTFLAGS="--remap-path-prefix=$CARGO_HOME=/cargo" \
       cargo auditable build --locked --profile image --package seinode-operator --bin seinode-operator --target "$target" \
    && cp "target/$target/image/seinode-operator" /seinode-operator

FROM scratch
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="seinode-operator"
LABEL org.opencontainers.image.description="Kubernetes operator that runs Sei blockchain nodes"
LABEL org.opencontainers.image.version="$VERSION"
LABEL org.opencontainers.image.source="https://github.com/sei-protocol/seinode-operator"
LABEL org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /seinode-operator /seinode-operator
USER 65532:65532
ENTRYPOINT ["/seinode-operator"]
