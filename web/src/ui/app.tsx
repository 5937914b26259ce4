//! The frame of every page, and the page that the path names.

import { Suspense, lazy } from "react";
import { matchRoute, tokenInFragment } from "../lib/route";
import { Lobby } from "../pages/lobby/lobby";
import icon from "./icon.svg";
import { Link, useFragment, usePath } from "./link";
import { Notice } from "./notice";
import "./app.css";

// The player and the stage bring much code of their own; few read the description of the API.
const Watch = lazy(() => import("../pages/watch/watch"));
const Stage = lazy(() => import("../pages/stage/stage"));
const Docs = lazy(() => import("../pages/docs/docs"));

export function App() {
  const route = matchRoute(usePath());
  const token = tokenInFragment(useFragment());
  return (
    <>
      <header className="app-top">
        <Link href="/" className="app-brand">
          <img src={icon} alt="" width="26" height="26" />
          Spillway
        </Link>
        <Link href="/docs" className="app-docs link-quiet">HTTP API</Link>
      </header>
      <main>
        <Suspense fallback={<Notice title="Loading…" />}>
          {route.page === "lobby" && <Lobby />}
          {route.page === "watch" && <Watch key={`${route.room}#${token}`} room={route.room} token={token} />}
          {route.page === "stage" && <Stage key={route.room} room={route.room} />}
          {route.page === "docs" && <Docs />}
          {route.page === "missing" && (
            <Notice title="There is no such page">
              <Link href="/" className="button">Back to the lobby</Link>
            </Notice>
          )}
        </Suspense>
      </main>
    </>
  );
}
