"""The packed forest's walk for interpreters without native code; walk_viper.py is the same, and faster."""


def walk(table, x, tree, end):
    """The sum of path lengths, in the units of the leaves, of the reading `x` (array of 8 int16).

    tree..end-1: the places of `table` that say where the trees to walk begin in it.
    """
    for i in range(8):
        u = x[i] + 32768
        table[i] = u
        table[i + 8] = 65535 - u
    total = 0
    while tree < end:
        i = table[tree]
        node = table[i]
        while node & 16:
            if table[node & 15] <= table[i + 1]:
                i += 2
            elif node & 32:
                i += (node >> 6) << 1
            else:
                break
            node = table[i]
        total += table[(node >> 6) + (table[node & 15] > table[i + 1])]
        tree += 1
    return total
