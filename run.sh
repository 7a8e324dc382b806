#!/usr/bin/env bash
# Builds and starts Kraliki; the arguments go to the server:
#   ./run.sh --urls http://127.0.0.1:5090 --Kraliki:DataDirectory=/srv/kraliki
# Local speech comes from the system's packages; without them the server starts too and says what is missing.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

if ! command -v dotnet >/dev/null || ! dotnet --list-sdks | grep -q '^10\.'; then
  echo "Kraliki needs the .NET 10 SDK: https://dotnet.microsoft.com/download/dotnet/10.0" >&2
  exit 1
fi

install_speech() {
  local missing=() package sudo=()
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    echo "Local speech is installed by hand on this system: PocketSphinx 5prealpha with its en-us model, and flite 2.2." >&2
    return
  fi
  for package in libpocketsphinx3 pocketsphinx-en-us libflite1; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  ((${#missing[@]})) || return
  if ((EUID != 0)); then
    # Without a terminal nobody can type a password: ask only where somebody can answer.
    sudo=(sudo); [[ -t 0 ]] || sudo=(sudo -n)
  fi
  echo "Installing ${missing[*]} for local speech ..." >&2
  if ! { "${sudo[@]}" apt-get update -qq &&
         "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >&2; then
    echo "That did not work. For local speech run: sudo apt-get install ${missing[*]}" >&2
  fi
}

install_speech
exec dotnet run --configuration Release --project src/Kraliki.Server -- "$@"
