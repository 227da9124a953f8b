# shellcheck shell=bash
# Builds the tool as it is to be used. Source it from a script in tools/, then call build_tool.

# How `martlet` is linked: with the Swift runtime inside, so that nothing of it is loaded and
# relocated at every start.
readonly tool_options=(-c release --static-swift-stdlib)

# build_tool [PRODUCT]: builds `martlet`, or another program, and writes its path to standard
# output. Fails if its start would load Foundation.
build_tool() {
  local product=${1-martlet} tool
  swift build "${tool_options[@]}" --product "$product" >&2 || return
  tool=$(swift build "${tool_options[@]}" --show-bin-path)/$product || return
  if ldd "$tool" | grep -iE 'foundation|libicu' >&2; then
    echo "$tool loads Foundation at its start: link it with ${tool_options[*]}" >&2
    return 1
  fi
  echo "$tool"
}
