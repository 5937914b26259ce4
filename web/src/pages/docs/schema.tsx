//! A schema: its type in a line, and its fields in a table that becomes a list on narrow screens.

import type { Schema } from "./document";
import { Inline, Paragraphs } from "./text";

/** The type in a line; a named schema links to its own entry. */
export function TypeLine({ schema }: { schema: Schema }) {
  const { type, reference, words, bounds } = schema;
  const [before = "", after = ""] = reference ? type.split(reference) : [type];
  return (
    <span className="docs-type">
      {before}
      {reference && <a href={`#schema-${reference}`}>{reference}</a>}
      {after}
      {bounds && ` (${bounds})`}
      {words.length > 0 && words.length < 8 && <>: {words.map((word) => <code key={word}>{word}</code>)}</>}
    </span>
  );
}

/** What is inside: fields, or cases. */
export function SchemaBody({ schema }: { schema: Schema }) {
  if (schema.cases.length > 0) {
    return schema.cases.map((one, index) => (
      <div className="docs-case" key={index}>
        <TypeLine schema={one} /> <Inline text={one.description} />
        <SchemaBody schema={one} />
      </div>
    ));
  }
  if (schema.fields.length === 0) return null;
  return (
    <Rows
      rows={schema.fields.map((field) => ({
        name: field.name,
        note: field.required ? "" : "may be missing",
        schema: field.schema,
        description: field.schema.description,
      }))}
    />
  );
}

/** Names with types and descriptions. */
export function Rows({ rows }: { rows: { name: string; note: string; schema: Schema; description: string }[] }) {
  return (
    <dl className="docs-rows">
      {rows.map(({ name, note, schema, description }) => (
        <div className="docs-row" key={name}>
          <dt>
            <code>{name}</code> {note && <small>{note}</small>}
          </dt>
          <dd>
            <TypeLine schema={schema} />
            <Paragraphs text={description} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
