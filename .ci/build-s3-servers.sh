#!/bin/sh
# Builds the real S3 servers of the server suite from the Go module proxy, unless they are there already.
# Prints the folder they are in. A build that fails ends with its status.
set -eu
GOBIN="${XDG_CACHE_HOME:-$HOME/.cache}/sparkify-ci/bin"
export GOBIN
mkdir -p "$GOBIN"
build() {
  [ -x "$GOBIN/$1" ] && return 0
  echo "building $1 (takes minutes, once)" >&2
  go install "$2" >&2
  [ -x "$GOBIN/$1" ]
}
build versitygw github.com/versity/versitygw/cmd/versitygw@latest
build minio github.com/minio/minio@latest
echo "$GOBIN"
