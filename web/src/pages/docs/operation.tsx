//! One operation, closed until it is asked for.

import { type Answer, type Body, type Operation, curlOf } from "./document";
import { Rows, SchemaBody, TypeLine } from "./schema";
import { Inline, Paragraphs } from "./text";

const COLOURS: Record<string, string> = {
  GET: "docs-method-read",
  POST: "docs-method-write",
  PATCH: "docs-method-write",
  DELETE: "docs-method-end",
};

export function OperationView({ operation, open }: { operation: Operation; open: boolean }) {
  const { id, method, path, summary, description, access, needsToken, parameters, bodies, answers } = operation;
  return (
    <details className="docs-operation" id={id} open={open}>
      <summary>
        <b className={`docs-method ${COLOURS[method] ?? ""}`}>{method}</b>
        <code className="docs-path">{path.split("/").flatMap((word, index) => (index ? ["/", <wbr key={index} />, word] : [word]))}</code>
        <span className="docs-summary">{summary}</span>
      </summary>
      <div className="docs-inside">
        <Paragraphs text={description} />
        {access.length > 0 && (
          <p>
            <b>{needsToken ? "Needs a token." : "May carry a token."}</b> <Inline text={access.join(" Or: ")} />
          </p>
        )}
        {parameters.length > 0 && <h3>Parameters</h3>}
        <Rows
          rows={parameters.map((one) => ({
            ...one,
            note: one.place === "path" ? "" : `${one.place}${one.required ? "" : ", optional"}`,
          }))}
        />
        {bodies.length > 0 && <h3>Body</h3>}
        {operation.bodyDescription && <Paragraphs text={operation.bodyDescription} />}
        {bodies.map((body) => <BodyView key={body.mediaType} body={body} />)}
        <h3>Answers</h3>
        <ul className="docs-answers">
          {answers.map((answer) => <AnswerView key={answer.status} answer={answer} />)}
        </ul>
        <h3>Example</h3>
        <pre tabIndex={0}>{curlOf(operation, location.origin)}</pre>
      </div>
    </details>
  );
}

function BodyView({ body }: { body: Body }) {
  return (
    <div>
      <code>{body.mediaType}</code> <TypeLine schema={body.schema} />
      <SchemaBody schema={body.schema} />
    </div>
  );
}

function AnswerView({ answer }: { answer: Answer }) {
  const isRefusal = !/^[123]/.test(answer.status);
  return (
    <li className={isRefusal ? "docs-answer docs-answer-refusal" : "docs-answer"}>
      <b>{answer.status}</b>
      <div>
        <Inline text={answer.description} />{" "}
        {!isRefusal && answer.bodies.map((body) => (
          <span key={body.mediaType}>
            <code>{body.mediaType}</code> <TypeLine schema={body.schema} />{" "}
          </span>
        ))}
        {answer.headers.map(({ name, description }) => (
          <div className="docs-header" key={name}>
            <code>{name}</code> <Inline text={description} />
          </div>
        ))}
      </div>
    </li>
  );
}
