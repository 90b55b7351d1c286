"""The packed forest's walk as machine code (docs/forest.md); forest_plain.py is the same in bytecode.

Viper keeps the first three locals in registers, and arguments come first: so the first argument is the number
of trees and then the node at hand, and `words` moves from node to node. Nothing else is hot.
"""

import micropython


@micropython.viper
def walk(node: int, words: ptr16, values: ptr16, x: ptr16) -> int:  # noqa: F821
    last = node + 8
    first = int(words)
    tree = 0
    while tree < 8:
        values[tree] = x[tree] ^ 0x8000
        tree += 1
    total = 0
    while tree < last:
        words = ptr16(first + (values[tree] << 2))  # noqa: F821
        tree += 1
        while True:
            node = words[0]
            if values[node & 7] <= words[1]:
                if not node & 8:
                    break
            else:
                if not node & 16:
                    node += 32  # the right leaf stands after the left one
                    break
                if node & 8:
                    words = ptr16(int(words) + ((node >> 3) & 0x1FFC))  # noqa: F821
                    continue
            words = ptr16(int(words) + 4)  # noqa: F821
        total += values[node >> 5]
    return total
