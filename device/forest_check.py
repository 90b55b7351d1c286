"""Checks a forest once, when a model is loaded: a walk can then neither leave its table nor hang."""


def check(forest):
    """ValueError unless every node of every tree points inside; forest.read has checked where trees begin.

    OSError when flash cannot be read.
    """
    table = forest.table
    nodes = forest.nodes
    leaves = forest.parts[-1][3] + 1
    for part in forest.parts:
        forest.fill(part)
        size = nodes + part[1] // 2
        tree = part[2]
        end = nodes
        for i in range(nodes, size, 2):
            if i == end:  # a tree begins here and ends where the next one begins
                tree += 1
                end = table[tree] if tree < part[3] else size
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
                raise ValueError("a node of tree %d of the forest points outside of it" % (tree - 17))
