# shellcheck shell=bash
# Sourced by the scripts that need development tools. The tools are pinned here
# and built into bin/tools; go.mod knows nothing of them.

# name, package, module's version
tools=(
  "buf                github.com/bufbuild/buf/cmd/buf                          v1.75.0"
  "protoc-gen-go      google.golang.org/protobuf/cmd/protoc-gen-go             v1.36.12"
  "protoc-gen-go-grpc google.golang.org/grpc/cmd/protoc-gen-go-grpc            v1.6.2"
  "golangci-lint      github.com/golangci/golangci-lint/v2/cmd/golangci-lint   v2.15.0"
  "versitygw          github.com/versity/versitygw/cmd/versitygw               v1.8.0"
)

tools_dir=$PWD/bin/tools

# ensure_tool NAME prints the path of a tool. It is built first, which needs the
# network once, unless bin/tools has it at the pinned version.
ensure_tool() {
  local name package version line
  for line in "${tools[@]}"; do
    read -r name package version <<<"$line"
    if [[ $name == "$1" ]]; then
      if [[ $(tool_version "$tools_dir/$name") != "$version" ]]; then
        echo "building $name $version into bin/tools" >&2
        mkdir -p "$tools_dir"
        GOBIN=$tools_dir GOFLAGS='' GOOS='' GOARCH='' go install "$package@$version" >&2 || return 1
      fi
      echo "$tools_dir/$name"
      return
    fi
  done
  echo "no tool is called $1; see scripts/lib/tools.sh" >&2
  return 1
}

# tool_version prints the version from which a binary was built, nothing if
# there is none.
tool_version() {
  [[ ! -x $1 ]] || go version -m "$1" 2>/dev/null | awk '$1 == "mod" { print $3 }'
}
