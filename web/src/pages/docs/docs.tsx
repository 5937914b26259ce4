//! The HTTP API, as `/openapi.json` describes it.

import { useEffect, useState } from "react";
import { fetchOpenApi } from "../../lib/api";
import { useFragment } from "../../ui/link";
import { Notice } from "../../ui/notice";
import { type ApiDocument, readDocument } from "./document";
import { OperationView } from "./operation";
import { SchemaBody, TypeLine } from "./schema";
import { Paragraphs } from "./text";
import "./docs.css";

export default function Docs() {
  const [api, setApi] = useState<ApiDocument | null>(null);
  const [error, setError] = useState("");
  const chosen = useFragment().slice(1);
  useEffect(() => {
    document.title = "HTTP API · Spillway";
    const abort = new AbortController();
    const failed = (error: Error) => abort.signal.aborted || setError(error.message);
    fetchOpenApi(abort.signal).then((json) => setApi(readDocument(json)), failed);
    return () => abort.abort();
  }, []);
  // The browser looked for the fragment's element before it was there, and closed ones show nothing.
  useEffect(() => {
    const element = api && document.getElementById(chosen);
    if (element instanceof HTMLDetailsElement) element.open = true;
    element?.scrollIntoView();
  }, [api, chosen]);
  if (!api) return <Notice title={error ? "The description could not be read" : "Loading…"} busy={!error}>{error}</Notice>;
  return (
    <div className="docs">
      <nav className="docs-chapters" aria-label="Chapters">
        {api.chapters.map(({ name }) => <a key={name} href={`#${anchor(name)}`}>{name}</a>)}
        <a href="#schemas">Schemas</a>
      </nav>
      <div className="docs-content">
        <div className="page-head">
          <h1>HTTP API</h1>
          <p className="text-muted">
            {api.title} {api.version} · <a href="/openapi.json">openapi.json</a>
          </p>
        </div>
        <Paragraphs text={api.description} />
        {api.chapters.map(({ name, description, link, operations }) => (
          <section key={name} aria-labelledby={anchor(name)}>
            <h2 id={anchor(name)}>{name}</h2>
            <Paragraphs text={description} />
            {link && <p><a href={link}>{new URL(link).host}</a></p>}
            {operations.map((operation) => (
              <OperationView key={operation.id} operation={operation} open={operation.id === chosen} />
            ))}
          </section>
        ))}
        <section aria-labelledby="schemas">
          <h2 id="schemas">Schemas</h2>
          {api.schemas.map(({ name, description, schema }) => (
            <details className="docs-operation" key={name} id={`schema-${name}`} open={chosen === `schema-${name}`}>
              <summary><code className="docs-path">{name}</code></summary>
              <div className="docs-inside">
                <Paragraphs text={description} />
                {schema.cases.length === 0 && <TypeLine schema={schema} />}
                <SchemaBody schema={schema} />
              </div>
            </details>
          ))}
        </section>
      </div>
    </div>
  );
}

const anchor = (name: string) => name.toLowerCase().replace(/\W+/g, "-");
