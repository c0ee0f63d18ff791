// The order as a JSON schema, for those that run on Node.

export const orderSchema = {
  type: "object",
  required: ["id", "customer", "email", "paid", "total", "note", "items"],
  properties: {
    id: { type: "integer" },
    customer: { type: "string" },
    email: { type: "string" },
    paid: { type: "boolean" },
    total: { type: "number" },
    note: { type: "string" },
    items: {
      type: "array",
      items: {
        type: "object",
        required: ["sku", "quantity", "price"],
        properties: {
          sku: { type: "string" },
          quantity: { type: "integer" },
          price: { type: "number" },
        },
      },
    },
  },
};

export const userSchema = {
  type: "object",
  properties: { id: { type: "integer" } },
};
