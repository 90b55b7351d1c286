"""The packed forest's walk for interpreters without native code; forest_viper.py is the same, and faster."""


def walk(table, x):
    """The sum of path lengths of the reading `x` (array of 8 int16), in the units of the leaves."""
    for i in range(8):
        u = x[i] + 32768
        table[i] = u
        table[i + 8] = 65535 - u
    total = 0
    tree = 16
    i = table[16]
    while i:
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
        i = table[tree]
    return total
