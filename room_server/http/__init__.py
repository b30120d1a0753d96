"""HTTP: the application, problem+json, OpenAPI, texts in both languages, static files."""
