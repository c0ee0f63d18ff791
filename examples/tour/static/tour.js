// What the pages of the tour do in the browser. Each part looks for its elements and does nothing without them.
"use strict";

const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

// Colours for Python: comments, strings, decorators, keywords.
const TOKEN = /(#.*)|("""[\s\S]*?"""|f?"(?:\\.|[^"\\\n])*"|f?'(?:\\.|[^'\\\n])*')|(^\s*@[\w.]+)|\b(and|as|async|await|class|def|except|finally|for|from|if|import|in|is|lambda|not|or|pass|raise|return|try|while|with|yield|None|True|False|else)\b/gm;
for (const code of all("code.python")) {
  const text = code.textContent;
  let end = 0;
  const pieces = [];
  for (const match of text.matchAll(TOKEN)) {
    pieces.push(text.slice(end, match.index));
    const span = document.createElement("span");
    span.className = match[1] ? "c" : match[2] ? "s" : match[3] ? "a" : "k";
    span.textContent = match[0];
    pieces.push(span);
    end = match.index + match[0].length;
  }
  code.replaceChildren(...pieces, text.slice(end));
}

// How long the application took: the layer `timed` says it in a header field.
const timing = performance.getEntriesByType("navigation")[0]?.serverTiming?.find((entry) => entry.name === "app");
if (timing && find("[data-timing]")) find("[data-timing]").textContent = ` in ${timing.duration} ms`;

// Requests at the press of a button.
const SHOWN = ["content-type", "content-range", "content-length", "etag", "last-modified", "allow", "accept-ranges", "retry-after", "x-request-id", "server-timing"];
for (const button of all("[data-send]")) {
  button.addEventListener("click", async () => {
    const [method, url] = button.dataset.send.split(" ");
    const headers = { accept: "application/json", ...JSON.parse(button.dataset.headers ?? "{}") };
    if (button.dataset.body) headers["content-type"] = "application/json";
    const response = await fetch(url, { method, headers, body: button.dataset.body, cache: "no-store" });
    let text = await response.text();
    if (/json/.test(response.headers.get("content-type") ?? "")) text = JSON.stringify(JSON.parse(text), null, 2);
    if (text.length > 4000) text = `${text.slice(0, 4000)}\n… ${text.length} characters in all`;
    const fields = SHOWN.filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}`);
    const asked = [`${method} ${url}`, ...Object.entries(JSON.parse(button.dataset.headers ?? "{}")).map((pair) => pair.join(": ")), button.dataset.body].filter(Boolean);
    find("#answer").textContent = `${asked.map((line) => `> ${line}`).join("\n")}\n\n${response.status} ${response.statusText}\n${fields.join("\n")}\n\n${text}`;
  });
}

// Six requests at once.
for (const button of all("[data-race]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    find("#race").replaceChildren();
    const started = performance.now();
    await Promise.all(Array.from({ length: 6 }, async (_, index) => {
      const answer = await (await fetch(`${button.dataset.race}?n=${index}`, { cache: "no-store" })).json();
      const row = document.createElement("tr");
      for (const text of [`${index + 1}`, answer.thread, `${Math.round(performance.now() - started)} ms`]) {
        row.append(Object.assign(document.createElement("td"), { textContent: text }));
      }
      find("#race").append(row);
    }));
    find("#race-title").textContent = `Six times ${button.textContent.replace("Six times ", "")}: ${Math.round(performance.now() - started)} ms in all`;
    button.disabled = false;
  });
}

// Server-sent events.
if (find("#claps")) {
  const source = new EventSource("/live/events");
  source.addEventListener("open", () => { find("#state").textContent = "Connected."; });
  source.addEventListener("error", () => { find("#state").textContent = "The connection was lost; the browser tries again."; });
  source.addEventListener("state", (event) => {
    const state = JSON.parse(event.data);
    find("#claps").textContent = state.claps;
    find("#watchers").textContent = state.watchers;
    find("#clock").textContent = state.time;
  });
  addEventListener("pagehide", () => source.close());
  find("#clap").addEventListener("click", () => fetch("/live/clap", { method: "POST" }));
}

// A streamed response, read as it comes.
find("#stream")?.addEventListener("click", async (event) => {
  event.target.disabled = true;
  find("#lines").textContent = "";
  const reader = (await fetch("/live/slowly")).body.pipeThrough(new TextDecoderStream()).getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) find("#lines").textContent += piece.value;
  event.target.disabled = false;
});

// The chat.
find("#join")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = new FormData(event.target).get("name");
  const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/chat/socket?name=${encodeURIComponent(name)}`);
  let isOpen = false;
  socket.addEventListener("open", () => {
    isOpen = true;
    find("#join").hidden = true;
    find("#say").hidden = false;
    find("#say input").focus();
  });
  socket.addEventListener("message", (message) => { find("#room").textContent += `${message.data}\n`; });
  socket.addEventListener("close", () => {
    if (!isOpen) find("#no-socket").hidden = false;
    else find("#room").textContent += "The connection was closed.\n";
    find("#join").hidden = false;
    find("#say").hidden = true;
  });
  find("#say").onsubmit = (sent) => {
    sent.preventDefault();
    socket.send(new FormData(sent.target).get("message"));
    sent.target.reset();
  };
});
