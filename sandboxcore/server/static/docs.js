// Shows the API's description; in a file of its own because the page allows no inline script.
const root = location.pathname.replace(/\/docs\/?$/, "");
SwaggerUIBundle({
  url: `${root}/openapi.json`,
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});
