"use strict";
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  validatorUrl: null, // it would send the document's address to another host
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: false,
});
