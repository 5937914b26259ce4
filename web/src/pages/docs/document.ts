//! The server's OpenAPI 3.1 document as the page shows it: chapters of operations, and schemas. A field that is missing
//! or of another type becomes a harmless default. Pure.

export interface ApiDocument {
  title: string;
  version: string;
  description: string;
  chapters: Chapter[];
  schemas: NamedSchema[];
}

export interface Chapter {
  name: string;
  description: string;
  /** Documentation elsewhere. */
  link: string | null;
  operations: Operation[];
}

export interface Operation {
  id: string;
  method: string;
  path: string;
  summary: string;
  description: string;
  /** Sentences about the tokens that a request may carry. */
  access: string[];
  needsToken: boolean;
  parameters: Parameter[];
  bodies: Body[];
  bodyDescription: string;
  answers: Answer[];
}

export interface Parameter {
  name: string;
  place: string;
  required: boolean;
  description: string;
  schema: Schema;
}

/** What a request or an answer carries. */
export interface Body {
  mediaType: string;
  /** With the fields of the named schema, if the body is one. */
  schema: Schema;
  example: unknown;
}

export interface Answer {
  status: string;
  description: string;
  headers: { name: string; description: string }[];
  bodies: Body[];
}

export interface NamedSchema {
  name: string;
  description: string;
  schema: Schema;
}

export interface Schema {
  /** "text", "number", "list of Speaker", "text or null". */
  type: string;
  /** The named schema that the type mentions. */
  reference: string | null;
  words: string[];
  /** Bounds and form: "1 to 300", "date-time". */
  bounds: string;
  fields: Field[];
  /** Each of which may stand there. */
  cases: Schema[];
  description: string;
}

export interface Field {
  name: string;
  required: boolean;
  schema: Schema;
}

const METHODS = ["get", "post", "put", "patch", "delete", "options", "head"];

export function readDocument(json: unknown): ApiDocument {
  const document = record(json);
  const resolve = (value: unknown) => follow(document, value);
  const components = record(document.components);
  const schemes = record(components.securitySchemes);
  const operations = Object.entries(record(document.paths)).flatMap(([path, item]) =>
    METHODS.filter((method) => method in record(item)).map((method) => {
      const fields = record(record(item)[method]);
      return { tag: text(list(fields.tags)[0]), operation: readOperation(path, method, fields, schemes, resolve) };
    }),
  );
  return {
    title: text(record(document.info).title) || "HTTP API",
    version: text(record(document.info).version),
    description: text(record(document.info).description),
    chapters: list(document.tags).map(record).map((tag) => ({
      name: text(tag.name),
      description: text(tag.description),
      link: text(record(tag.externalDocs).url) || null,
      operations: operations.filter((one) => one.tag === tag.name).map((one) => one.operation),
    })),
    schemas: Object.entries(record(components.schemas)).map(([name, schema]) => ({
      name,
      description: text(record(schema).description),
      schema: readSchema(schema),
    })),
  };
}

type Resolve = (value: unknown) => Record<string, unknown>;

function readOperation(
  path: string,
  method: string,
  fields: Record<string, unknown>,
  schemes: Record<string, unknown>,
  resolve: Resolve,
): Operation {
  const required = list(fields.security).map((one) => Object.keys(record(one)));
  const body = resolve(fields.requestBody);
  return {
    id: text(fields.operationId) || `${method} ${path}`,
    method: method.toUpperCase(),
    path,
    summary: text(fields.summary).replace(/\.$/, ""),
    description: text(fields.description),
    access: required.flatMap((names) => names.map((name) => text(record(schemes[name]).description) || name)),
    needsToken: required.length > 0 && required.every((names) => names.length > 0),
    parameters: list(fields.parameters).map(resolve).map((parameter) => ({
      name: text(parameter.name),
      place: text(parameter.in),
      required: parameter.required === true,
      description: text(parameter.description),
      schema: readSchema(parameter.schema),
    })),
    bodies: readBodies(body, resolve),
    bodyDescription: text(body.description),
    answers: Object.entries(record(fields.responses))
      .map(([status, value]) => ({ status, response: resolve(value) }))
      .map(({ status, response }) => ({
        status,
        description: text(response.description),
        headers: Object.entries(record(response.headers)).map(([name, header]) => ({
          name,
          description: text(resolve(header).description),
        })),
        bodies: readBodies(response, resolve),
      })),
  };
}

function readBodies(fields: Record<string, unknown>, resolve: Resolve): Body[] {
  return Object.entries(record(fields.content)).map(([mediaType, content]) => {
    const { schema, example } = record(content);
    const { type, reference } = readSchema(schema);
    const resolved = resolve(schema);
    return { mediaType, schema: { ...readSchema(resolved), type, reference }, example: example ?? resolved.example };
  });
}

/** A schema by the names that people know: a string is a text. */
export function readSchema(value: unknown): Schema {
  const fields = record(value);
  const reference = /^#\/components\/schemas\/(.+)$/.exec(text(fields.$ref))?.[1] ?? null;
  const description = text(fields.description);
  const cases = [...list(fields.oneOf), ...list(fields.anyOf)].map(readSchema);
  const blank = { words: [], bounds: "", fields: [], cases: [], description };
  if (reference) return { ...blank, type: reference, reference };
  // "One of a named schema and null" is how an optional field is written.
  const named = cases.filter((one) => one.type !== "null");
  if (named.length === 1 && named[0]) return { ...named[0], type: `${named[0].type} or null`, description: description || named[0].description };
  if (cases.length > 0) return { ...blank, type: "one of", reference: null, cases };
  const types = (Array.isArray(fields.type) ? fields.type : [fields.type]).map(text).filter(Boolean);
  if (types.includes("array")) {
    const items = readSchema(fields.items);
    return { ...blank, type: [`list of ${items.type}`, ...types.filter((type) => type !== "array")].join(" or "), reference: items.reference, fields: items.fields };
  }
  const required = list(fields.required).map(text);
  return {
    ...blank,
    type: types.map((type) => ({ string: "text", integer: "number", boolean: "true or false" })[type] ?? type).join(" or ") || "anything",
    reference: null,
    words: list(fields.enum).map(text),
    bounds: bounds(fields),
    fields: Object.entries(record(fields.properties)).map(([name, schema]) => ({
      name,
      required: required.includes(name),
      schema: readSchema(schema),
    })),
  };
}

function bounds(fields: Record<string, unknown>): string {
  const { minimum, maximum } = fields;
  const range =
    typeof maximum === "number" ? `${typeof minimum === "number" ? `${minimum} to` : "at most"} ${maximum}` : "";
  const format = ["date-time", "binary"].find((known) => known === fields.format) ?? "";
  return [range, format, text(fields.pattern)].filter(Boolean).join(", ");
}

/** A request as curl makes it. */
export function curlOf(operation: Operation, origin: string): string {
  const lines = [`curl${operation.method === "GET" ? "" : ` -X ${operation.method}`} '${origin}${operation.path}'`];
  if (operation.needsToken) lines.push("-H 'Authorization: Bearer TOKEN'");
  const body = operation.bodies[0];
  if (body) {
    lines.push(`-H 'Content-Type: ${body.mediaType}'`);
    lines.push(body.example === undefined ? "--data-binary @FILE" : `-d '${JSON.stringify(body.example)}'`);
  }
  return lines.join(" \\\n  ");
}

/** The object that a `$ref` names, through any number of them. */
function follow(document: Record<string, unknown>, value: unknown, hops = 8): Record<string, unknown> {
  const fields = record(value);
  const path = /^#\/(.+)$/.exec(text(fields.$ref))?.[1];
  if (!path || hops === 0) return fields;
  const target = path.split("/").reduce<unknown>((at, key) => record(at)[key], document);
  return follow(document, target, hops - 1);
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
