// Fastify with its own plugins: node layered_fastify.mjs PORT

import Fastify from "fastify";
import compress from "@fastify/compress";
import cors from "@fastify/cors";
import rateLimit from "@fastify/rate-limit";
import secureSession from "@fastify/secure-session";

const app = Fastify({ logger: false });
const rows = Array.from({ length: 11 }, (_, id) => ({ id, name: `a name ${id}`, paid: id % 2 === 0, total: 9.75 }));

await app.register(cors, { origin: ["https://app.example.com"], credentials: true });
await app.register(compress, { threshold: 500, encodings: ["gzip"], zlibOptions: { level: 6 } });
await app.register(secureSession, { key: Buffer.from("a key of thirty-two characters.."), cookie: { path: "/" } });
await app.register(rateLimit, { max: 100_000_000, timeWindow: "1 minute" });

const rowSchema = {
  type: "object",
  properties: {
    id: { type: "integer" },
    name: { type: "string" },
    paid: { type: "boolean" },
    total: { type: "number" },
  },
};
const answerSchema = {
  type: "object",
  properties: { user_id: { type: "integer" }, rows: { type: "array", items: rowSchema } },
};

app.get("/login", (request, reply) => {
  request.session.set("user_id", 42);
  reply.type("text/plain; charset=utf-8").send("hello");
});

app.get("/rows", { schema: { response: { 200: answerSchema } } }, (request, reply) => {
  reply.send({ user_id: request.session.get("user_id"), rows });
});

await app.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
