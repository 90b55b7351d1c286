"""The packed forest's walk for interpreters without native code; forest_viper.py is the same, and faster.

A word is read as two halves: 32 bits at once would not be a small integer on a board, and allocate.
"""


def walk(trees, words, values, x):
    """The sum of path lengths of the reading `x` (array of 8 int16), in the units of the leaves."""
    for i in range(8):
        values[i] = x[i] + 32768
    total = 0
    for tree in range(8, 8 + trees):
        i = values[tree] << 1
        node = words[i]
        while True:
            if values[node & 7] <= words[i + 1]:
                if not node & 8:
                    total += values[node >> 5]
                    break
                i += 2
            elif not node & 16:
                total += values[(node >> 5) + 1]
                break
            elif node & 8:
                i += (node >> 5) << 1
            else:
                i += 2
            node = words[i]
    return total
