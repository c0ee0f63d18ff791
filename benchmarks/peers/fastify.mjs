// Fastify with the schemas that its documentation recommends: node fastify.mjs PORT

import Fastify from "fastify";
import { orderSchema, userSchema } from "./schema_order.mjs";

const app = Fastify({ logger: false });

app.get("/", (request, reply) => {
  reply.type("text/plain; charset=utf-8").send("Hello, World!");
});

app.get(
  "/user/:id",
  { schema: { params: { type: "object", properties: { id: { type: "integer" } } }, response: { 200: userSchema } } },
  (request, reply) => {
    reply.send({ id: request.params.id });
  },
);

app.post("/order", { schema: { body: orderSchema, response: { 200: orderSchema } } }, (request, reply) => {
  reply.send(request.body);
});

await app.listen({ port: Number(process.argv[2]), host: "127.0.0.1" });
