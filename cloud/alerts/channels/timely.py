"""Each mail has a time to be handed over in: a service that answers byte by byte holds up no other mail."""

import threading
from concurrent.futures import Future

from cloud.alerts.channels.channel import Mail, MailSender, SendOutcome, Unknown

MOST = 120.0  # s; a channel waits 10 s for each piece of an answer, but the pieces may be many


class Timely:
    """Sends by `sender`, and waits `most` seconds for the outcome of each mail."""

    def __init__(self, sender: MailSender, most: float = MOST) -> None:
        self._sender, self._most = sender, most

    def send(self, mail: Mail) -> SendOutcome:
        """The outcome, Unknown when it takes too long. Raises what `sender` raises."""
        outcome: Future[SendOutcome] = Future()
        threading.Thread(target=self._send, args=(mail, outcome), name="mail", daemon=True).start()
        try:
            return outcome.result(self._most)
        except TimeoutError:
            if outcome.done():
                return outcome.result()  # it came just now, or the error is the sender's own
            return Unknown("no answer", f"the mail service did not end its answer in {self._most:g} s")

    def _send(self, mail: Mail, outcome: Future[SendOutcome]) -> None:
        try:
            outcome.set_result(self._sender.send(mail))
        except BaseException as problem:  # it belongs to the thread that waits
            outcome.set_exception(problem)
