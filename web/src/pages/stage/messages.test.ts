import { ConnectionError, DisconnectReason } from "livekit-client";
import { expect, test } from "vitest";
import { deviceProblem, farewell, refusal } from "./messages";

test("whoever leaves is told nothing", () => {
  expect(farewell(DisconnectReason.CLIENT_INITIATED)).toBeNull();
});

test("whoever is removed, or whose room ends, is told so", () => {
  expect(farewell(DisconnectReason.PARTICIPANT_REMOVED)?.title).toBe("You were taken off the stage");
  expect(farewell(DisconnectReason.ROOM_DELETED)?.title).toBe("The room has ended");
  expect(farewell(DisconnectReason.ROOM_CLOSED)).toEqual(farewell(DisconnectReason.ROOM_DELETED));
});

test("everything else is a lost connection", () => {
  for (const reason of [undefined, DisconnectReason.SIGNAL_CLOSE, DisconnectReason.STATE_MISMATCH]) {
    expect(farewell(reason)?.title).toBe("The connection was lost");
  }
});

test("a refused pass is told from a server that is away", () => {
  expect(refusal(ConnectionError.notAllowed("no", 401))).toContain("did not accept your pass");
  expect(refusal(ConnectionError.serverUnreachable("gone"))).toBe("The server could not be reached.");
  expect(refusal(new Error("There is no such room."))).toBe("There is no such room.");
});

test("a device's error has words of its own", () => {
  expect(deviceProblem(new DOMException("x", "NotReadableError"))).toBe("Another program is using the device.");
  expect(deviceProblem("odd")).toBe("odd");
});
