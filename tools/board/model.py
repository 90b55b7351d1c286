"""`make model DEVICE=C001 BUNDLE=…`: writes a model into the idle slot; the board tests it, then switches."""

from pathlib import Path
from typing import Annotated

import typer

from device.model import bundle as on_board
from tools.board import arguments
from tools.board.cable import port, screen
from tools.board.cable.raw_repl import BoardError, RawRepl
from tools.board.deploy import APPLICATION, watch
from tools.board.provision import read_back, refuse_other
from tools.process.child import ToolFailed

# On the board: read, authenticate and self-test the bundle as a start would. Prints "ok ID" or the reason.
TEST = f"""{APPLICATION}
import gc
from device.bundle import load
gc.collect()
bundle, problem = load({{path!r}}, bytes.fromhex({{key!r}}))
print('ok ' + bundle.id.hex() if bundle else problem)
"""
ACTIVE = "/model/active"
TRAIN = '`make train ARGS="--device C001"` makes one and names its file'


def check(bundle: Path, key: str) -> str:
    """The id of the model in the file, checked by the board's own code and `key`. Raises ToolFailed."""
    model, problem = on_board.load(str(bundle), bytes.fromhex(key))
    if model is None:
        raise ToolFailed(str(problem))
    return str(model.id.hex())


def install(wire: RawRepl, bundle: Path) -> str:
    """Copy, test on the board, switch; returns the model's id. On Failed the old model stays in use."""
    values = read_back(wire)
    key = str(values.get("key"))
    model_id = check(bundle, key)
    screen.tick("bundle", f"model {model_id} for {values.get('device')}, {bundle.stat().st_size} bytes")
    active = (wire.get(ACTIVE) or b"").decode(errors="replace").strip()
    slot = "b" if active == "a" else "a"
    path = f"/model/{slot}.bin"
    wire.run("import os\nif 'model' not in os.listdir('/'):\n os.mkdir('/model')")
    data = bundle.read_bytes()
    with screen.progress("copying", len(data)) as advance:
        wire.put(path, data, advance)
    try:
        answer = wire.run(TEST.format(path=path, key=key), timeout=60)
    except BoardError as error:
        answer = str(error)
    if answer != f"ok {model_id}":
        wire.run(f"import os\nos.remove({path!r})")
        kept = f"slot {active} stays in use" if active else "none is in use, as before"
        raise ToolFailed(f"the board refuses this model ({answer}): {kept}")
    screen.tick("tested", f"the board computes what the cloud computed; slot {slot}")
    wire.put(ACTIVE, slot.encode(), whole=True)
    return model_id


@arguments.run
def main(
    bundle: Annotated[Path | None, typer.Argument(envvar="BUNDLE", help="The model's file.")] = None,
    device: Annotated[str, typer.Option("--device", envvar="DEVICE", help="Refuse any other board.")] = "",
    port_name: arguments.PortOption = None,
    no_watch: Annotated[bool, typer.Option("--no-watch", help="Do not wait for the start.")] = False,
) -> int:
    """Give a board a model over its cable."""
    if bundle is None:
        raise ToolFailed(f"which model? make model DEVICE=C001 BUNDLE=file; {TRAIN}")
    if not bundle.is_file():
        raise ToolFailed(f"there is no {bundle}: {TRAIN}")
    with RawRepl(port.find(port_name)) as wire:
        wire.stop()
        values = read_back(wire)
        refuse_other(values, device)
        model_id = install(wire, bundle)
        screen.tick("switched", f"{values.get('device')} judges with model {model_id} from its next start on")
        return 0 if no_watch or watch(wire) else 1
