"""The packed forest's walk as machine code (docs/forest.md); walk_plain.py is the same in bytecode.

Viper keeps the first locals in registers and arguments come first, so `x` becomes the node at hand, and a
node is read again where it is needed: that costs no more than to keep it.
"""

import micropython


@micropython.viper
def walk(table: ptr16, x: ptr16, tree: int, end: int) -> int:  # noqa: F821
    i = 0
    while i < 8:
        table[i] = x[i] ^ 0x8000
        table[i + 8] = x[i] ^ 0x7FFF
        i += 1
    total = 0
    while tree < end:
        x = ptr16(int(table) + (table[tree] << 1))  # noqa: F821
        while x[0] & 16:
            if table[x[0] & 15] <= x[1]:
                x = ptr16(int(x) + 4)  # noqa: F821
            elif x[0] & 32:
                x = ptr16(int(x) + ((x[0] >> 4) & 0xFFC))  # noqa: F821
            else:
                break
        # A difference below zero, shifted, is -1: the second leaf, without a jump.
        total += table[(x[0] >> 6) - ((x[1] - table[x[0] & 15]) >> 20)]
        tree += 1
    return total
