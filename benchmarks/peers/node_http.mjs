// Node's own HTTP module without a framework: node node_http.mjs PORT

import http from "node:http";
import Ajv from "ajv";
import { orderSchema } from "./schema_order.mjs";

const isOrder = new Ajv().compile(orderSchema);

function answer(response, status, mediaType, content) {
  response.writeHead(status, { "content-type": mediaType, "content-length": Buffer.byteLength(content) });
  response.end(content);
}

function echo(request, response) {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const order = JSON.parse(Buffer.concat(chunks).toString());
    if (isOrder(order)) {
      answer(response, 200, "application/json", JSON.stringify(order));
    } else {
      answer(response, 422, "application/json", JSON.stringify(isOrder.errors));
    }
  });
}

const server = http.createServer((request, response) => {
  if (request.method === "GET" && request.url === "/") {
    answer(response, 200, "text/plain; charset=utf-8", "Hello, World!");
  } else if (request.method === "GET" && request.url.startsWith("/user/")) {
    answer(response, 200, "application/json", JSON.stringify({ id: Number(request.url.slice(6)) }));
  } else if (request.method === "POST" && request.url === "/order") {
    echo(request, response);
  } else {
    answer(response, 404, "text/plain; charset=utf-8", "Not Found");
  }
});

server.listen(Number(process.argv[2]), "127.0.0.1");
