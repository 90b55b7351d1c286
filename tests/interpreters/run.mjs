// node run.mjs PACKAGE REPOSITORY NAMES BUT: tests/device/run.py in a build of MicroPython for WebAssembly.
// NAMES and BUT are JSON: the modules of tests to run, and the tests to leave out. Files are in memory.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

// What a chip's `os` has, or the unix port's, and this one lacks.
const OS = `
from uos import *
import random

def getenv(name, default=None):
    return default

def urandom(count):
    return bytes(random.getrandbits(8) for _ in range(count))
`;

const [folder, repository, names, but] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(join(folder, "micropython.mjs")));
const micropython = await loadMicroPython({ heapsize: 4 << 20, stdout: (line) => console.log(line) });

function copy(from, to) {
  micropython.FS.mkdirTree(to);
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), `${to}/${entry.name}`];
    if (entry.isDirectory()) copy(source, target);
    else if (entry.name.endsWith(".py")) micropython.FS.writeFile(target, readFileSync(source));
  }
}

copy(join(repository, "device"), "/vigie/device");
copy(join(repository, "tests/device"), "/vigie/tests/device");
micropython.FS.writeFile("/vigie/os.py", OS);
try {
  micropython.runPython(`
import sys
sys.path[:] = ["/vigie"]
from tests.device import run
print(sys.implementation.version)
assert sys.maxsize == 0x7FFFFFFF
failed = run.main(${names}, ${but})
`);
} catch (error) {
  console.log(error.message);
  process.exit(1);
}
process.exit(micropython.globals.get("failed"));
