//! What went wrong, or came to an end, in words for the one on stage. Pure.

import { ConnectionError, ConnectionErrorReason, DisconnectReason } from "livekit-client";

export interface Farewell {
  title: string;
  text: string;
}

/** Why somebody is off the stage; `null` if it was their own wish. */
export function farewell(reason: DisconnectReason | undefined): Farewell | null {
  switch (reason) {
    case DisconnectReason.CLIENT_INITIATED:
      return null;
    case DisconnectReason.DUPLICATE_IDENTITY:
      return { title: "You are on stage elsewhere", text: "Another window or device took your place with the same pass." };
    case DisconnectReason.PARTICIPANT_REMOVED:
      return { title: "You were taken off the stage", text: "Whoever runs this room ended your time on stage." };
    case DisconnectReason.ROOM_DELETED:
    case DisconnectReason.ROOM_CLOSED:
      return { title: "The room has ended", text: "Nobody is on its stage any more." };
    case DisconnectReason.SERVER_SHUTDOWN:
      return { title: "The server is restarting", text: "You may come back in a moment." };
    default:
      return { title: "The connection was lost", text: "It could not be made again. Please check your network." };
  }
}

/** Why somebody could not go on stage. */
export function refusal(error: unknown): string {
  if (error instanceof ConnectionError) {
    if (error.reason === ConnectionErrorReason.NotAllowed) return "The server did not accept your pass. It may have expired.";
    if (error.reason === ConnectionErrorReason.ServerUnreachable) return "The server could not be reached.";
    if (error.reason === ConnectionErrorReason.Timeout) return "The connection could not be made in time.";
  }
  return error instanceof Error ? error.message : String(error);
}

/** Why a device gives nothing. */
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
