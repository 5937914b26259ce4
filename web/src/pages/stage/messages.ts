//! Messages for a user on stage: failures and the end of the session. Pure.

import { ConnectionError, ConnectionErrorReason, DisconnectReason } from "livekit-client";

export interface Farewell {
  title: string;
  text: string;
}

/** The message after leaving the stage; `null` if the user left by choice. */
export function farewell(reason: DisconnectReason | undefined): Farewell | null {
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
      return null;
    case DisconnectReason.DUPLICATE_IDENTITY:
      return { title: "You are on stage elsewhere", text: "Another window or device joined with the same token." };
    case DisconnectReason.PARTICIPANT_REMOVED:
      return { title: "You were taken off the stage", text: "A moderator of this room removed you." };
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return { title: "The room has ended", text: "Everybody has left its stage." };
    case DisconnectReason.SERVER_SHUTDOWN:
      return { title: "The server is restarting", text: "Please come back in a moment." };
    default:
      return { title: "The connection was lost", text: "Reconnecting failed. Please check your network." };
  }
}

/** The message when joining the stage fails. */
export function refusal(error: unknown): string {
  if (error instanceof ConnectionError) {
    if (error.reason === ConnectionErrorReason.NotAllowed) return "The server did not accept your token. It may have expired.";
    if (error.reason === ConnectionErrorReason.ServerUnreachable) return "The server could not be reached.";
    if (error.reason === ConnectionErrorReason.Timeout) return "The connection took too long.";
  }
  return error instanceof Error ? error.message : String(error);
}

/** The message when a device fails. */
export function deviceProblem(error: unknown): string {
  switch (error instanceof Error ? error.name : "") {
    case "NotAllowedError":
      return "The browser was not allowed to use it. Allow it in the address bar, then try again.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "The device was not found.";
    case "NotReadableError":
      return "Another program is using the device.";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
