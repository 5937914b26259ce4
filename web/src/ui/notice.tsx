import type { ReactNode } from "react";

/** A few words in the middle, for when there is nothing else to show. */
export function Notice({ title, children, busy = false }: { title: string; children?: ReactNode; busy?: boolean }) {
  return (
    <section className="notice" role="status">
      {busy && <span className="spinner" aria-hidden="true" />}
      <h2>{title}</h2>
      {children && <div className="notice-body">{children}</div>}
    </section>
  );
}
