#!/usr/bin/env bash
# Installs Mesa's lavapipe, a software Vulkan device about three times as fast as SwiftShader, with 16-bit floats.
# Debian 13 and Ubuntu 24.04 have it as mesa-vulkan-drivers; Debian 12's own is too old for Dawn (Mesa 24 or newer is
# needed), so there it comes from bookworm-backports, from the same mirror as the system's other packages.
set -euo pipefail
if [ "$(id -u)" != 0 ]; then
  echo 'install-lavapipe: run as root (sudo scripts/install-lavapipe.sh)' >&2
  exit 1
fi
. /etc/os-release
target=()
if [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ]; then
  list=/etc/apt/sources.list.d/bookworm-backports.list
  mirror=$(awk '/^URIs:/{print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
  [ -n "$mirror" ] || mirror=$(awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /:\/\//) {print $i; exit}}' /etc/apt/sources.list 2>/dev/null || true)
  [ -n "$mirror" ] || { echo 'install-lavapipe: no Debian mirror is configured' >&2; exit 1; }
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  echo "deb [signed-by=$key] $mirror bookworm-backports main" >"$list"
  target=(-t bookworm-backports)
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${target[@]}" mesa-vulkan-drivers
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libvulkan1
ls /usr/share/vulkan/icd.d/lvp_icd*.json
