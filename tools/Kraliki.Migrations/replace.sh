#!/usr/bin/env bash
# Replaces the single migration of each database (there is one until the first release) by one that says what the entities say.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

migrations=src/Kraliki.Server/Data/Migrations
dotnet tool restore >/dev/null
rm -rf "$migrations"
dotnet build tools/Kraliki.Migrations --verbosity quiet
add() {
  dotnet ef migrations add Initial --no-build --context "$1" --project src/Kraliki.Server --startup-project tools/Kraliki.Migrations \
    --output-dir "Data/Migrations/$2"
}
add KralikiDb Sqlite
add PostgreSqlDb PostgreSql
dotnet format src/Kraliki.Server --no-restore --include "$migrations/"
