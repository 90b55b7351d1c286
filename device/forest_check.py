"""Checks a forest's packed table once, when a model is loaded: a walk can then neither leave it nor hang."""

_READING = 16


def check(table, trees):
    """ValueError unless each of `trees` trees begins and ends where it must and every node points inside."""
    size = len(table)
    leaves = _READING + trees + 1
    nodes = table[_READING]
    if table[leaves - 1] or not leaves <= nodes < size or (size - nodes) & 1:
        raise ValueError("the forest's trees do not begin where they must")
    tree = _READING
    end = nodes
    for i in range(nodes, size, 2):
        if i == end:  # a tree begins here and ends where the next one begins
            tree += 1
            end = table[tree] or size
            if not i < end <= size or (end - i) & 1:
                raise ValueError("tree %d of the forest has no end" % (tree - _READING))
        node = table[i]
        argument = node >> 6
        kind = node & 48
        if kind == 48:  # two nodes
            good = 2 <= argument and i + 2 * argument < end
        elif kind == 16:  # a node, then a leaf
            good = leaves <= argument + 1 < nodes and i + 2 < end
        else:  # two leaves
            good = kind == 0 and leaves <= argument < nodes - 1
        if not good:
            raise ValueError("node %d of the forest points outside of its tree" % i)
    if tree != leaves - 1:
        raise ValueError("the forest has fewer trees than it says")
