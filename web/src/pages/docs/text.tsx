//! Descriptions: paragraphs, lists, `code` and [links](https://…) of Markdown, and nothing else of it.

import type { ReactNode } from "react";

const INLINE = /`([^`]+)`|\[([^\]]+)\]\((https:\/\/[^)\s]+)\)/g;

/** One line. */
export function Inline({ text }: { text: string }) {
  const parts: ReactNode[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    parts.push(text.slice(end, match.index));
    const [whole, code, label, url] = match;
    parts.push(code ? <code key={match.index}>{code}</code> : <a key={match.index} href={url}>{label}</a>);
    end = match.index + whole.length;
  }
  return <>{[...parts, text.slice(end)]}</>;
}

/** Paragraphs, apart by empty lines; a paragraph whose lines all begin with a dash is a list. */
export function Paragraphs({ text }: { text: string }) {
  return text.split(/\n\n+/).filter(Boolean).map((paragraph, index) => {
    const lines = paragraph.split("\n");
    return lines.every((line) => line.startsWith("- ")) ? (
      <ul key={index}>{lines.map((line) => <li key={line}><Inline text={line.slice(2)} /></li>)}</ul>
    ) : (
      <p key={index}><Inline text={paragraph} /></p>
    );
  });
}
