"""A folder of its own for a test, under CPython and MicroPython; it is gone afterwards."""

import os


class Folder:
    def __enter__(self):
        self.path = "/tmp/vigie-" + "".join("%02x" % byte for byte in os.urandom(6))
        os.mkdir(self.path)
        return self.path

    def __exit__(self, *_):
        empty(self.path)
        os.rmdir(self.path)


def empty(folder):
    for name in os.listdir(folder):
        path = folder + "/" + name
        try:
            os.remove(path)
        except OSError:
            empty(path)
            os.rmdir(path)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def copy(source, target):
    """The files of folder `source` become the only ones of folder `target`."""
    empty(target)
    for name in os.listdir(source):
        write(target + "/" + name, read(source + "/" + name))


class Wrapped:
    """A file, but for what a subclass does otherwise."""

    def __init__(self, file):
        self._file = file

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
