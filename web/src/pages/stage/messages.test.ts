import { ConnectionError, DisconnectReason } from "livekit-client";
import { expect, test } from "vitest";
import { deviceProblem, farewell, refusal } from "./messages";

test("leaving by choice gives no message", () => {
  expect(farewell(DisconnectReason.CLIENT_INITIATED)).toBeNull();
});

test("a removal and the room's end have messages of their own", () => {
  expect(farewell(DisconnectReason.PARTICIPANT_REMOVED)?.title).toBe("You were taken off the stage");
  expect(farewell(DisconnectReason.ROOM_DELETED)?.title).toBe("The room has ended");
  expect(farewell(DisconnectReason.ROOM_CLOSED)).toEqual(farewell(DisconnectReason.ROOM_DELETED));
});

test("every other reason is a lost connection", () => {
  for (const reason of [undefined, DisconnectReason.SIGNAL_CLOSE, DisconnectReason.STATE_MISMATCH]) {
    expect(farewell(reason)?.title).toBe("The connection was lost");
  }
});

test("a refused token and an unreachable server have different messages", () => {
  expect(refusal(ConnectionError.notAllowed("no", 401))).toContain("did not accept your token");
  expect(refusal(ConnectionError.serverUnreachable("gone"))).toBe("The server could not be reached.");
  expect(refusal(new Error("There is no such room."))).toBe("There is no such room.");
});

test("a device's error has a message of its own", () => {
  expect(deviceProblem(new DOMException("x", "NotReadableError"))).toBe("Another program is using the device.");
  expect(deviceProblem("odd")).toBe("odd");
});
