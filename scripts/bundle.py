#!/usr/bin/env python3
# Owns how files that the database wrote become an archive or a folder. Reads JSON lines [path, content] from standard input.
#
# Usage: bundle.py ARCHIVE.zip | bundle.py ARCHIVE.tgz | bundle.py FOLDER
#
# An archive of the same files is the same bytes, whenever and wherever it is made. A folder is left with these files alone.

import gzip
import io
import json
import pathlib
import shutil
import sys
import tarfile
import zipfile

TOP = "pg_tally/"


def write_zip(target, files):
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        for path, content in files:
            item = zipfile.ZipInfo(TOP + path, (2026, 1, 1, 0, 0, 0))
            item.compress_type, item.external_attr, item.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            bundle.writestr(item, content)


def write_tgz(target, files):
    form = tarfile.USTAR_FORMAT
    with open(target, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed, tarfile.open(fileobj=packed, mode="w", format=form) as bundle:
        for path, content in files:
            data = content.encode()
            item = tarfile.TarInfo(TOP + path)
            item.size = len(data)
            bundle.addfile(item, io.BytesIO(data))


def write_folder(target, files):
    shutil.rmtree(target, ignore_errors=True)
    for path, content in files:
        place = target / path
        if target.resolve() not in place.resolve().parents:
            sys.exit(f"{path} lies outside of {target}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8")


def main():
    target = pathlib.Path(sys.argv[1])
    files = [json.loads(line) for line in sys.stdin if line.strip()]
    if not files:
        sys.exit(f"nothing to write to {target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    {".zip": write_zip, ".tgz": write_tgz}.get(target.suffix, write_folder)(target, files)


main()
