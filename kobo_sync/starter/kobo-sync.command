#!/bin/sh
cd "$(dirname "$0")" && PATH="$PATH:$HOME/.local/bin" && kobo-sync open
