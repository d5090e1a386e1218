// Starts Swagger UI on the document of this server. Nothing here may load from, or send to, another origin.
"use strict";

// The document names the server of its authors; this page talks to the one that it came from.
const OwnServer = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (document) => update({ ...document, servers: [{ url: location.origin }] }),
      },
    },
  },
});

// What a browser that is logged in must send beside its session cookie.
const withCsrfToken = (request) => {
  const cookie = document.cookie.split("; ").find((pair) => pair.startsWith("csrftoken="));
  if (cookie && !["GET", "HEAD"].includes(request.method ?? "GET")) {
    request.headers["X-CSRFToken"] = cookie.slice("csrftoken=".length);
  }
  return request;
};

// Swagger UI has a dark style, and leaves its choice to the page.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

SwaggerUIBundle({
  dom_id: "#reference",
  url: "/api/schema/",
  plugins: [OwnServer],
  requestInterceptor: withCsrfToken,
  deepLinking: true,
  displayOperationId: true,
  displayRequestDuration: true,
  // Without it the document would be sent to validator.swagger.io.
  validatorUrl: null,
});
