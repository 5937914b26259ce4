import type { ReactNode } from "react";

/** A message in the middle of a page that has no other content. */
export function Notice({ title, children, busy = false }: { title: string; children?: ReactNode; busy?: boolean }) {
  return (
    <section className="notice" role="status">
      {busy && <span className="spinner" aria-hidden="true" />}
      <h2>{title}</h2>
      {children && <div className="notice-body">{children}</div>}
    </section>
  );
}
