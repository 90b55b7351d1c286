"""The m2cgen interpreter that people read: an integer forest as Python source, one function for each tree.

It says the same as the packed table and runs wherever Python or MicroPython does: to check, to compare, or
for a board with heap to spare. m2cgen's own interpreter puts all trees into one function, which MicroPython
cannot compile once its jumps pass 32 KB.
"""

from m2cgen import ast
from m2cgen.interpreters import PythonInterpreter

from cloud.contract.messages import FEATURE_NAMES
from cloud.training.forest.assemble import SCALE, terms


class ReadablePythonInterpreter(PythonInterpreter):  # type: ignore[misc]
    """`interpret(expression of IsolationForestAssembler(forest)) -> source` that defines `score(x)`: the
    path-length sum of the reading x, the eight features by index."""

    def __init__(self) -> None:
        super().__init__(feature_array_name="x")

    def interpret(self, expr: ast.Expr) -> str:
        trees = terms(expr)
        cg = self._cg
        cg.reset_state()
        cg.add_code_line(f'"""{len(trees)} isolation trees; a path length is in 1/{SCALE} of an edge.')
        cg.add_code_line(f'x: {", ".join(f"{i} {name}" for i, name in enumerate(FEATURE_NAMES))}."""')
        for number, tree in enumerate(trees):
            with cg.function_definition(name=f"_{number}", args=["x"]):
                self._return(tree)
            cg.decrease_indent()
        with cg.function_definition(name=self.function_name, args=["x"]):
            calls = [f"_{number}(x)" for number in range(len(trees))]
            cg.add_code_line("total = " + calls[0])
            for call in calls[1:]:
                cg.add_code_line("total += " + call)
            cg.add_return_statement("total")
        source: str = cg.finalize_and_get_generated_code()
        return source

    def _return(self, expr: ast.Expr) -> None:
        cg = self._cg
        if isinstance(expr, ast.NumVal):
            cg.add_return_statement(self._do_interpret(expr))
            return
        cg.add_if_statement(self._do_interpret(expr.test))
        self._return(expr.body)
        cg.decrease_indent()
        self._return(expr.orelse)
