// Express with its JSON parser; it leaves the model to the user: node express.mjs PORT

import Ajv from "ajv";
import express from "express";
import { orderSchema } from "./schema_order.mjs";

const isOrder = new Ajv().compile(orderSchema);
const app = express();

app.get("/", (req, res) => {
  res.type("text/plain").send("Hello, World!");
});

app.get("/user/:id", (req, res) => {
  res.json({ id: Number(req.params.id) });
});

app.post("/order", express.json(), (req, res) => {
  if (isOrder(req.body)) {
    res.json(req.body);
  } else {
    res.status(422).json(isOrder.errors);
  }
});

app.listen(Number(process.argv[2]), "127.0.0.1");
