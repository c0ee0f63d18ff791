"""An application whose page listens to events; the stream ends after every third, so that the browser comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator

from costrel import App, EventStream, Request, Response
from costrel.messages import ServerSentEvent

app = App()


@app.get("/")
def page() -> str:
    return """<!doctype html><title>Events</title><link rel="icon" href="data:,"><ol></ol>
<script>
const source = new EventSource("/events");
source.addEventListener("tick", event => {
  const line = document.createElement("li");
  line.textContent = `${event.lastEventId}: ${JSON.parse(event.data).text}`;
  document.querySelector("ol").append(line);
});
source.onerror = () => { document.title = source.readyState === EventSource.CLOSED ? "Closed" : "Waiting"; };
</script>"""


@app.get("/events")
async def events(request: Request) -> Response:
    seen = int(request.last_event_id or 0)
    if seen >= 9:
        return Response(b"", 204)

    async def ticks() -> AsyncIterator[ServerSentEvent]:
        for number in range(seen + 1, seen + 4):
            yield ServerSentEvent({"text": f"line\n{number} – é"}, event="tick", id=str(number))

    return EventStream(ticks(), retry_seconds=0.02)
